/** How often one sender may ask. */
export interface Rate {
  /** Requests a second, for long. */
  readonly perSecond: number;
  /** Requests at once, after a while without any. */
  readonly burst: number;
}

/** What a sender has left. */
export interface Bucket {
  /** Requests; below 0 after one that cost more than was left. */
  tokens: number;
  /** When that was counted, in milliseconds. */
  at: number;
  /** Of the state as it was told last, and the second it was told in. */
  text: string;
  toldIn: number;
}

/** Buckets that are kept; of those that nobody has used for long the first goes. */
const MOST_BUCKETS = 10_000;
/** Buckets that are looked through for a full one, which can go without anybody noticing. */
const LOOKED_THROUGH = 8;

/**
 * Token buckets, one for each sender: full at first, a token for each request, refilled steadily. Of this process alone.
 * No timers: what came back meanwhile is reckoned when somebody asks.
 */
export class RateLimiter {
  /** As `RateLimit-Policy` has it: the burst, and the seconds in which an empty bucket is full again. */
  readonly policy: string;
  private readonly buckets = new Map<string, Bucket>();
  private readonly perMs: number;
  private readonly burst: number;

  /** @param now milliseconds on a clock that only goes forward */
  constructor(
    { perSecond, burst }: Rate,
    private readonly now: () => number = () => performance.now(),
    private readonly most = MOST_BUCKETS,
  ) {
    this.perMs = perSecond / 1000;
    this.burst = Math.max(burst, 1);
    this.policy = `"requests";q=${this.burst};w=${Math.max(1, Math.ceil(this.burst / perSecond))}`;
  }

  /** Takes a token of a sender. `secondsToWait` of the bucket says whether there was one. */
  take(sender: string): Bucket {
    const bucket = this.bucketOf(sender);
    bucket.tokens -= 1;
    return bucket;
  }

  /** Gives back what was taken for a request that did not come in: who is refused for long would never get in else. */
  giveBack(bucket: Bucket): void {
    bucket.tokens += 1;
  }

  /** Takes further tokens, also where there are none: the next requests wait until the debt is paid. */
  charge(sender: string, tokens: number): void {
    this.bucketOf(sender).tokens -= tokens;
  }

  /** Whether a sender has no token left; costs nothing but a look where it never took one. */
  isEmpty(sender: string): boolean {
    return this.buckets.has(sender) && this.bucketOf(sender).tokens < 1;
  }

  /** 0 where the last token was there; else the seconds until it is. */
  secondsToWait({ tokens }: Bucket): number {
    return tokens >= 0 ? 0 : Math.max(1, Math.ceil(-tokens / this.perMs / 1000));
  }

  /**
   * A bucket as `RateLimit` has it: what is left, and in how many seconds all of it is back. While more than half is
   * left it is told as of some moment of the same second: nobody has to hold back then, and writing it costs time.
   */
  textOf(bucket: Bucket): string {
    const second = Math.floor(bucket.at / 1000);
    if (bucket.toldIn === second && bucket.tokens * 2 > this.burst) return bucket.text;
    const left = Math.max(0, Math.floor(bucket.tokens));
    bucket.text = `"requests";r=${left};t=${Math.ceil((this.burst - bucket.tokens) / this.perMs / 1000)}`;
    bucket.toldIn = second;
    return bucket.text;
  }

  get size(): number {
    return this.buckets.size;
  }

  private bucketOf(sender: string): Bucket {
    const now = this.now();
    const known = this.buckets.get(sender);
    if (known) {
      known.tokens = Math.min(this.burst, known.tokens + (now - known.at) * this.perMs);
      known.at = now;
      return known;
    }
    if (this.buckets.size >= this.most) this.makeRoom(now);
    const bucket: Bucket = { tokens: this.burst, at: now, text: '', toldIn: -1 };
    this.buckets.set(sender, bucket);
    return bucket;
  }

  /** Drops a bucket of the oldest that is full by now, else the oldest; those that are not go behind. */
  private makeRoom(now: number): void {
    let looked = 0;
    for (const [sender, bucket] of this.buckets) {
      const isFull = bucket.tokens + (now - bucket.at) * this.perMs >= this.burst;
      this.buckets.delete(sender);
      if (isFull || ++looked === LOOKED_THROUGH) return;
      this.buckets.set(sender, bucket);
    }
  }
}
