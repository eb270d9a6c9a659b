export function appFlags(): string[];
