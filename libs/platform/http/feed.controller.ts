import type { OutgoingHttpHeaders } from 'node:http';
import { Controller, Get, Inject, Req, Res, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EventFeed, FeedPage, FeedQuestion } from '#platform/event-feed/event-feed.js';
import { placeText } from '#platform/event-feed/place.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import type { Admission } from './admission.js';
import { sendStream } from './event-stream.js';
import { feedRequestOf, MAY_FOLLOW } from './feed-request.js';
import { HttpProblem, InvalidRequest, sendProblem } from './problem.js';
import { reportUnforeseen } from './request-watch.js';
import { ADMISSION, EVENT_FEED } from './tokens.js';
import { varyBy } from './vary.js';

const NEEDS_PURPOSE =
  'the log goes out whole, with personal values: following it needs a key or token that says what they are for';

const EVENT_FEED_OPERATION = { name: 'EventFeed', allowed: MAY_FOLLOW };

/** `GET /v1/events`: the log by position, a page at a time or as a stream of server-sent events. */
@Controller()
export class FeedController implements OnModuleDestroy {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(EVENT_FEED) private readonly feed: EventFeed,
  ) {}

  /** Before the server closes, which waits for those that are under way. */
  onModuleDestroy(): void {
    this.feed.close();
  }

  @Get('/v1/events')
  async events(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const gone = new AbortController();
    let leave: (() => void) | undefined;
    reply.raw.once('close', () => gone.abort());
    try {
      const principal = await this.admission.admit(request, EVENT_FEED_OPERATION, reply);
      const { personalDataFor: why } = principal;
      // Whatever its form: events go out as they are stored, with all that is personal.
      if (why === undefined) throw new HttpProblem('forbidden', NEEDS_PURPOSE);
      const { question, waitMs, form } = feedRequestOf(request);
      if (form === 'stream' || waitMs > 0) leave = this.admission.enterFeed(principal);
      const seen = (count: number): Promise<void> | undefined =>
        this.admission.seen(request, EVENT_FEED_OPERATION.name, principal, { by: 'purpose', why }, count);
      if (form === 'stream') {
        // Once, whatever comes: what was seen is what the log has from there on.
        await seen(0);
        await this.stream(question, gone.signal, request, reply);
        return;
      }
      const page =
        waitMs === 0 ? await this.feed.page(question) : await this.feed.awaited(question, waitMs, gone.signal);
      if (page.events.length > 0) await seen(page.events.length);
      if (form === 'batch') sendBatch(reply, page);
      else reply.code(200).header('content-type', 'application/json; charset=utf-8').send(pageText(page));
    } catch (error) {
      const own = error instanceof InvalidInput && !(error instanceof InvalidRequest);
      sendProblem(request, reply, own ? new InvalidRequest('query', error.issues) : error);
    } finally {
      leave?.();
    }
  }

  private async stream(
    question: FeedQuestion,
    gone: AbortSignal,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const pages = this.feed.follow(question, gone)[Symbol.asyncIterator]();
    const first = await pages.next();
    if (first.done) return;
    reply.hijack();
    // Taken over from here on: what has been said of the answer so far is said by hand.
    const headers = reply.getHeaders() as OutgoingHttpHeaders;
    const unforeseen = (error: unknown): void => reportUnforeseen(request, error);
    const following = { [Symbol.asyncIterator]: () => pages };
    await sendStream(reply.raw, first.value, following, { requestId: request.id, unforeseen, headers });
  }
}

const textsOf = ({ events }: FeedPage): string => `[${events.map(({ text }) => text).join(',')}]`;

/** What is said of a page beside its events. */
const about = ({ identity, after, through, head }: FeedPage) => ({
  log: identity.id,
  incarnation: identity.current.number,
  after: String(after),
  through: String(through),
  head: String(head),
  more: through < head,
  next: placeText(identity, through),
});

/** Put together as text: the events are there as text already. */
const pageText = (page: FeedPage): string => `${JSON.stringify(about(page)).slice(0, -1)},"events":${textsOf(page)}}`;

/** The batch of CloudEvents, which is a list and nothing beside it: all else is in headers. */
function sendBatch(reply: FastifyReply, page: FeedPage): void {
  for (const [name, value] of Object.entries(about(page))) reply.header(`yad-${name}`, String(value));
  varyBy(reply, 'accept');
  reply.code(200).header('content-type', 'application/cloudevents-batch+json; charset=utf-8').send(textsOf(page));
}
