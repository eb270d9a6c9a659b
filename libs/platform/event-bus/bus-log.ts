/** Where the bus tells an operator what went wrong and that it goes on. */
export interface BusLog {
  warn(message: string, error?: unknown): void;
}

export const consoleLog: BusLog = {
  warn: (message, error) =>
    console.warn(
      error === undefined ? message : `${message}: ${error instanceof Error ? error.message : String(error)}`,
    ),
};
