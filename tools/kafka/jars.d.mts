/** The `java` to run. @throws when there is none, or it is older than 17 */
export function findJava(): string;
/** The folder of the jars, filled on the first call. */
export function ensureJars(dir: string, say: (text: string) => void): Promise<string>;
