/** An error, as the log shows it. */
export interface DescribedError {
  readonly type: string;
  /** Of the system, the database or the driver. */
  readonly code?: string;
  /** Absent where it might repeat what somebody sent. */
  readonly message?: string;
  /** Of the database: what the error is about. */
  readonly constraint?: string;
  readonly table?: string;
  /** Where in the code, the newest first. */
  readonly at?: readonly string[];
  readonly cause?: DescribedError;
}

export interface DescribeOptions {
  /** All words, as for the terminal of the person who works on it. */
  readonly allWords?: boolean;
  /** It comes from work in the background, which holds no request: Yad's own words are shown. */
  readonly ofBackground?: boolean;
}

const MOST_FRAMES = 12;
const MOST_CAUSES = 3;
const MOST_CHARACTERS = 2_000;

/**
 * What may be told of an error. Where it was thrown always; its words only where they cannot hold a value that somebody
 * sent: those of the system, of Kafka's driver, of the database about itself (not about data: classes 22 and 23 of
 * SQLSTATE quote it), and of Yad itself in the background (its errors that quote an event have other words in `plain`). The engine's own errors (TypeError, SyntaxError …) quote
 * values, and so do those of validation.
 */
export function describeError(error: unknown, options: DescribeOptions = {}, depth = 0): DescribedError {
  if (!(error instanceof Error)) {
    return { type: typeof error, ...(options.allWords && { message: String(error).slice(0, MOST_CHARACTERS) }) };
  }
  const { code, constraint, table, cause, plain } = error as Error & Partial<Record<string, unknown>>;
  const words = typeof plain === 'string' && !options.allWords ? plain : error.message;
  const message = words.slice(0, MOST_CHARACTERS);
  const isShown = options.allWords || isSafe(error, options.ofBackground ?? false);
  return {
    type: error.name === 'Error' ? error.constructor.name : error.name,
    ...(isWord(code) && { code }),
    ...(isShown && { message }),
    ...(isWord(constraint) && { constraint }),
    ...(isWord(table) && { table }),
    ...(depth === 0 && { at: framesOf(error) }),
    ...(cause !== undefined && depth < MOST_CAUSES && { cause: describeError(cause, options, depth + 1) }),
  };
}

const isWord = (value: unknown): value is string => typeof value === 'string' && /^\w{1,100}$/.test(value);

/** The lines of a stack that name places. They come after the message, whose lines may look like them. */
const framesOf = ({ stack = '', message }: Error): string[] =>
  stack
    .slice(stack.indexOf(message) + message.length)
    .split('\n')
    .filter((line) => /^ {4}at .*(:\d+:\d+\)?|<anonymous>\)?|native\)?)$/.test(line))
    .slice(0, MOST_FRAMES)
    .map((line) => line.slice(7));

/** Classes of SQLSTATE whose words are about the server, the connection, rights and names, and not about values. */
const SQLSTATE = /^(08|25|28|3D|40|42|53|54|55|57|58)/;
const ENGINE = new Set(['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'EvalError', 'URIError']);

function isSafe(error: Error, ofBackground: boolean): boolean {
  const { syscall, severity, code, issues } = error as Error & Partial<Record<string, unknown>>;
  if (typeof syscall === 'string' || error.name.startsWith('KafkaJS')) return true;
  if (typeof severity === 'string') return typeof code === 'string' && SQLSTATE.test(code);
  return ofBackground && issues === undefined && !ENGINE.has(error.name);
}
