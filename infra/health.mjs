// The containers' health check (node:24-slim has no curl): exits 0 when the address answers 2xx.
const response = await fetch(process.argv[2], { signal: AbortSignal.timeout(4000) }).catch((error) => error);
if (!response.ok) {
  console.error(response.status ? `${response.status} ${await response.text()}` : response.message);
  process.exit(1);
}
