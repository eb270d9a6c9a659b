export function appFlags(): string[];
/** The flags that `yad` gives itself, in its first line. */
export function cliFlags(): string[];
