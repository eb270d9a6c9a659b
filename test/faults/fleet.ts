import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.js';
import { Program } from '../end-to-end/processes.js';

const MAINS = { operations: 'operations/main.js', relay: 'relay/main.js', analytics: 'analytics/main.js' } as const;
export type Member = keyof typeof MAINS;
export const members = Object.keys(MAINS) as Member[];

/** The three apps as processes on fixed ports, each of which can be killed and comes back. */
export class Fleet {
  private readonly programs = new Map<Member, Program>();
  private readonly outputs: string[] = [];

  private constructor(
    private readonly env: Record<string, string>,
    private readonly ports: Record<Member, number>,
  ) {}

  static async start(env: Record<string, string>): Promise<Fleet> {
    const [operations, relay, analytics] = await Promise.all([freePort(), freePort(), freePort()]);
    const fleet = new Fleet(env, { operations, relay, analytics });
    for (const member of members) fleet.launch(member);
    for (const member of members) await fleet.alive(member);
    return fleet;
  }

  url(member: Member): string {
    return `http://127.0.0.1:${this.ports[member]}`;
  }

  /** `kill -9`, and a new process in its place. */
  async kill(member: Member): Promise<void> {
    const program = this.programs.get(member)!;
    program.signal('SIGKILL');
    await program.ended;
    this.outputs.push(program.output);
    this.launch(member);
  }

  /** `kill -9`, and nothing in its place until it is resumed. */
  suspend(member: Member): void {
    const program = this.programs.get(member)!;
    this.programs.delete(member);
    program.signal('SIGKILL');
  }

  resume(member: Member): void {
    this.launch(member);
  }

  /** Waits until a member answers; starts it again where it ended by itself, as a supervisor would. */
  async alive(member: Member, timeoutMs = 60_000): Promise<void> {
    for (const until = Date.now() + timeoutMs; ; await sleep(100)) {
      const ok = await fetch(`${this.url(member)}/health/live`).then(
        (response) => response.ok,
        () => false,
      );
      if (ok) return;
      if (Date.now() > until) throw new Error(`${member} does not answer: ${this.programs.get(member)!.output}`);
    }
  }

  async stop(): Promise<(number | null)[]> {
    return Promise.all([...this.programs.values()].map(async (program) => (await program.stop()).code));
  }

  private launch(member: Member): void {
    // What follows by itself comes some moments later: here it is told what a shop has sent, and no more.
    const env = { YAD_POLICIES: 'off', ...this.env, PORT: String(this.ports[member]) };
    const program = new Program(MAINS[member], { env });
    this.programs.set(member, program);
    void program.ended.then(async () => {
      // One that ended by itself is started again, unless it is being replaced or stopped.
      await sleep(500);
      if (this.programs.get(member) === program && !this.stopping) this.launch(member);
    });
  }

  private stopping = false;
  /** From here on what ends stays ended. */
  retire(): void {
    this.stopping = true;
  }
}
