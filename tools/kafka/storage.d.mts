export function clusterId(random?: Buffer): string;
