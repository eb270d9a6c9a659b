import { z } from 'zod';
import { API_KEY } from '#platform/access/api-key.js';
import { LINES_A_SECOND } from '#platform/http/request-watch.js';
import { LOG_LEVELS } from '#platform/observability/log.js';
import { TimeZone } from '#platform/kernel/calendar.js';
import { usualTopic } from '#platform/event-bus/event-bus.js';
import { LEAST_MESSAGE_BYTES, usualTopicSettings } from '#platform/event-bus/kafka/topic-settings.js';
import { MOST_CONNECTIONS } from '#platform/http/connections.js';
import { MEGABYTE, usualBounds } from '#platform/projections/snapshots/snapshot-bounds.js';
import { isUrl, required, setting, whole, words } from './setting.js';
import { signInSettings } from './sign-in-settings.js';

export { AREAS, type Area, type Setting } from './setting.js';

const database = z
  .string()
  .refine(isUrl('postgres', 'postgresql'), { error: 'is not of the form postgres://user@host:5432/database' });

/** As the driver reads it: a name and a password, hosts between commas, options. */
const KURRENTDB = /^kurrentdb(\+discover)?:\/\/([^:@/?#]+:[^@/?#]+@)?[^@/?#]+\/?(\?[^#]*)?$/;

/** What `YAD_ALLOW_INSECURE` may put up with. */
export const INSECURE: readonly string[] = ['plaintext', 'default-passwords'];

const isOrigin = (text: string): boolean =>
  URL.canParse(text) && isUrl('http', 'https')(text) && new URL(text).origin === text;

/** Every variable that Yad's apps read, and nothing reads the environment but by this list. */
export const settings = {
  DATABASE_URL: setting({
    area: 'databases',
    schema: database,
    secret: true,
    meaning: 'The PostgreSQL database for all that has none of its own. Standalone without it: an embedded server.',
  }),
  STORE_URL: setting({
    area: 'databases',
    schema: database,
    secret: true,
    meaning: 'The database of the log. DATABASE_URL without it.',
  }),
  EVENT_STORE: setting({
    area: 'databases',
    schema: z.string().regex(KURRENTDB, { error: 'is not of the form kurrentdb://user:password@host:2113?tls=true' }),
    secret: true,
    meaning:
      'The KurrentDB that the log lies on, kurrentdb://host:2113 or kurrentdb+discover://name; what the engine has no index for is in the database of the log. Without it the log itself lies there.',
  }),
  READ_MODELS_URL: setting({
    area: 'databases',
    schema: database,
    secret: true,
    meaning: 'The database of the read models. DATABASE_URL without it.',
  }),
  KEYS_URL: setting({
    area: 'databases',
    schema: database,
    secret: true,
    meaning: 'The database of API keys, and of the keys that cursors are encrypted with. DATABASE_URL without it.',
  }),
  KAFKA_BROKERS: setting({
    area: 'kafka',
    schema: words.refine((brokers) => brokers.length > 0, { error: 'names no broker: host:port, separated by commas' }),
    meaning: 'Brokers, host:port between commas. Without them consumers read the log directly, and no relay is needed.',
  }),
  KAFKA_TLS: setting({
    area: 'kafka',
    schema: z.enum(['on', 'off'], { error: 'is neither on nor off' }),
    meaning:
      'on: connections to the brokers are encrypted, and their certificates checked (NODE_EXTRA_CA_CERTS: by these, too).',
  }),
  KAFKA_USERNAME: setting({
    area: 'kafka',
    schema: z.string(),
    meaning: 'The name to sign in to the brokers with. Without it nobody signs in.',
  }),
  KAFKA_PASSWORD: setting({
    area: 'kafka',
    schema: z.string(),
    secret: true,
    meaning: 'The password of KAFKA_USERNAME.',
  }),
  KAFKA_SASL_MECHANISM: required({
    area: 'kafka',
    schema: z.enum(['plain', 'scram-sha-256', 'scram-sha-512'], {
      error: 'is not plain, scram-sha-256 or scram-sha-512',
    }),
    otherwise: 'scram-sha-512' as const,
    meaning: 'How KAFKA_USERNAME signs in: plain, scram-sha-256 or scram-sha-512.',
  }),
  YAD_TOPIC: required({
    area: 'kafka',
    schema: z.string().min(1),
    otherwise: usualTopic.name,
    meaning: 'The topic of the events.',
  }),
  YAD_PARTITIONS: required({
    area: 'kafka',
    schema: whole(1, 1000),
    otherwise: usualTopic.partitions,
    meaning: 'Partitions of the topic, for good: the checkpoints of read models are by partition.',
  }),
  YAD_TOPIC_REPLICATION: setting({
    area: 'kafka',
    schema: whole(1, 100),
    meaning: 'Copies of the topic, where it is made. Without it three, or as many as there are brokers.',
  }),
  YAD_TOPIC_MIN_INSYNC_REPLICAS: setting({
    area: 'kafka',
    schema: whole(1, 100),
    meaning:
      'Copies that have a message before it counts as sent, where the topic is made. Without it two of three copies, else one.',
  }),
  YAD_TOPIC_RETENTION_DAYS: required({
    area: 'kafka',
    schema: whole(0, 3650),
    otherwise: usualTopicSettings.retentionDays,
    meaning: 'How long a message stays on the topic, where it is made, from when it was published; 0: for ever.',
  }),
  YAD_TOPIC_MAX_MESSAGE_BYTES: required({
    area: 'kafka',
    schema: whole(LEAST_MESSAGE_BYTES, 100_000_000),
    otherwise: usualTopicSettings.maxMessageBytes,
    meaning: 'Bytes of the largest message that the topic takes, where it is made.',
  }),
  PORT: setting({
    area: 'http',
    schema: whole(0, 65_535),
    meaning: 'Where the app listens; 0: any free port.',
  }),
  HOST: required({
    area: 'http',
    schema: z.string().min(1),
    otherwise: '127.0.0.1',
    meaning:
      'The address that the app listens on: this machine alone unless told otherwise. On another one, a key or an issuer of tokens must be there.',
  }),
  ALLOWED_HOSTS: required({
    area: 'http',
    schema: words,
    otherwise: [] as string[],
    meaning: 'Names between commas under which the app answers, beside those of this machine and HOST.',
  }),
  ...signInSettings,
  DRAIN_MS: required({
    area: 'http',
    schema: whole(0, 600_000),
    otherwise: 5_000,
    meaning:
      'Milliseconds after SIGTERM in which the app still takes requests, while readiness says no and each answer ends its connection: as long as balancers need to notice.',
  }),
  MAX_CONNECTIONS: required({
    area: 'limits',
    schema: whole(1, 100_000),
    otherwise: MOST_CONNECTIONS,
    meaning: 'Connections of clients at a time; what is beyond is closed as it comes.',
  }),
  YAD_ALLOW_INSECURE: required({
    area: 'databases',
    schema: words.refine((named) => named.every((each) => INSECURE.includes(each)), {
      error: `names something else than ${INSECURE.join(' and ')}, between commas`,
    }),
    otherwise: [] as string[],
    meaning:
      'What is put up with on the way to other hosts (databases, brokers, the API), between commas: plaintext (no TLS, or certificates that nobody checks), default-passwords.',
  }),
  CORS_ORIGINS: required({
    area: 'http',
    schema: words.refine((named) => named.every((each) => isOrigin(each)), {
      error: 'names something else than origins such as https://console.example, between commas',
    }),
    otherwise: [] as string[],
    meaning: 'Origins between commas whose pages may use the API from a browser; none unless told otherwise.',
  }),
  LIMIT_REQUESTS_PER_SECOND: required({
    area: 'limits',
    schema: whole(0, 1_000_000),
    otherwise: 2_000,
    meaning:
      'Requests a second that one sender may make for long, in each process; 100 items of a batch count as one. 0: as many as it likes.',
  }),
  LIMIT_BURST: required({
    area: 'limits',
    schema: whole(1, 1_000_000),
    otherwise: 4_000,
    meaning: 'Requests that one sender may make at once after a while without any.',
  }),
  LIMIT_FAILED_SIGN_INS_PER_SECOND: required({
    area: 'limits',
    schema: whole(0, 1_000_000),
    otherwise: 10,
    meaning:
      'Requests a second from one address that nobody can be made out for, in each process, ten times as many at once; then such requests are refused unread. 0: as many as come.',
  }),
  LIMIT_HEAVY_QUERIES: required({
    area: 'limits',
    schema: whole(0, 1_000),
    otherwise: 4,
    meaning:
      'Heavy queries (those that look at everybody) that one sender may have running and waiting in each process. 0: as many as there are places.',
  }),
  LIMIT_FEED: required({
    area: 'limits',
    schema: whole(0, 10_000),
    otherwise: 100,
    meaning:
      'Requests that wait at the feed and streams of it that one sender may have open in each process. 0: as many as there are places.',
  }),
  YAD_POLICIES: required({
    area: 'policies',
    schema: z.enum(['on', 'off', 'kafka'], { error: 'is none of on, off and kafka' }),
    otherwise: 'on' as const,
    meaning:
      'on: the app runs policies, beside others that do: one of them reads the log and sends. Of operations and ' +
      'standalone. kafka: they read the topic instead, each process its share of the partitions; of operations.',
  }),
  YAD_POLICY_OUTCOMES_DAYS: required({
    area: 'policies',
    schema: whole(1, 3650),
    otherwise: 90,
    meaning:
      'Days for which is kept what became of the commands of policies; of what is parked, until it is taken up. Longer ' +
      'than the oldest backup that might be restored.',
  }),
  YAD_POLICY_ZONE: required({
    area: 'policies',
    schema: TimeZone,
    otherwise: 'UTC',
    meaning: 'The time zone in which policies count days that have no zone of their own, such as Europe/London.',
  }),
  YAD_REMIND_WAITING_CASE_DAYS: setting({
    area: 'policies',
    schema: whole(1, 3650),
    meaning: 'After so many days a customer is reminded of a case that waits for them; never without it.',
  }),
  YAD_RESOLVE_WAITING_CASE_DAYS: setting({
    area: 'policies',
    schema: whole(1, 3650),
    meaning: 'After so many days a case that waits for its customer is resolved; never without it.',
  }),
  YAD_EXPIRE_DRAFT_ORDER_DAYS: setting({
    area: 'policies',
    schema: whole(1, 3650),
    meaning: 'After so many days a draft order that nobody placed or amended is cancelled; never without it.',
  }),
  SNAPSHOTS_MOST: required({
    area: 'snapshots',
    schema: whole(1, 10_000),
    otherwise: usualBounds.most,
    meaning: 'Snapshots of the read models that there may be: ready, and being made.',
  }),
  SNAPSHOTS_MOST_MB: required({
    area: 'snapshots',
    schema: whole(1, 100_000_000),
    otherwise: usualBounds.mostBytes / MEGABYTE,
    meaning: 'Megabytes that all snapshots together may take up in the database of the read models.',
  }),
  SNAPSHOTS_UNUSED_HOURS: required({
    area: 'snapshots',
    schema: whole(1, 87_600),
    otherwise: usualBounds.unusedMs / 3_600_000,
    meaning: 'A snapshot that has no name, or whose time is over, goes when nobody has read it for so many hours.',
  }),
  SNAPSHOTS_DAILY: required({
    area: 'snapshots',
    schema: whole(0, 3_660),
    otherwise: 0,
    meaning:
      'Of so many days back a snapshot of the end of the day is kept, named day-2026-11-27. 0: none. For the apps with read models.',
  }),
  SNAPSHOTS_MONTHLY: required({
    area: 'snapshots',
    schema: whole(0, 1_200),
    otherwise: 0,
    meaning: 'Of so many months back a snapshot of the end of the month is kept, named closing-2026-10. 0: none.',
  }),
  SNAPSHOTS_ZONE: required({
    area: 'snapshots',
    schema: TimeZone,
    otherwise: 'UTC',
    meaning: 'The time zone in which the days and months of snapshots end, such as Europe/London.',
  }),
  YAD_DATA: required({
    area: 'databases',
    schema: z.string().min(1),
    otherwise: '.data',
    meaning: 'Folder of the embedded database.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting({
    area: 'observability',
    schema: z.string().refine(isUrl('http', 'https'), { error: 'is not an http or https address' }),
    meaning:
      'The collector that traces are sent to by OTLP over HTTP (`/v1/traces` is added). Without it nothing is recorded.',
  }),
  OTEL_TRACES_SAMPLER_ARG: required({
    area: 'observability',
    schema: z
      .string()
      .refine((text) => /^(0|1|0?\.\d{1,6}|1\.0+)$/.test(text), { error: 'is not a part from 0 to 1' })
      .transform(Number),
    otherwise: 0.1,
    meaning: 'Which part of the traces that begin here is recorded, 0 to 1. Those that a sender records are.',
  }),
  LOG_LEVEL: required({
    area: 'observability',
    schema: z.enum([...LOG_LEVELS, 'silent'], { error: 'is not debug, info, warn, error or silent' }),
    otherwise: 'info' as const,
    meaning: 'Lines of the log that matter less are not written: debug, info, warn, error or silent.',
  }),
  LOG_FORMAT: setting({
    area: 'observability',
    schema: z.enum(['json', 'pretty'], { error: 'is neither json nor pretty' }),
    meaning:
      'json: a line of JSON each, without the words of errors that may repeat what was sent; pretty: for a person, with them. Without it pretty on a terminal, else json.',
  }),
  LOG_REQUESTS_PER_SECOND: required({
    area: 'observability',
    schema: whole(0, 1_000_000),
    otherwise: LINES_A_SECOND,
    meaning:
      'Requests that have a line of their own in a second, at most; of further ones the log tells how many there were.',
  }),
  YAD_URL: setting({
    area: 'command line',
    schema: z.string().refine(isUrl('http', 'https'), { error: 'is not an http or https address' }),
    meaning: 'Where `yad import` sends.',
  }),
  YAD_API_KEY: setting({
    area: 'command line',
    schema: z.string().regex(API_KEY, { error: 'is not an API key, which `yad keys create` makes' }),
    secret: true,
    meaning: 'The API key that `yad import` signs in with.',
  }),
  YAD_LOGIN_PASSWORD: setting({
    area: 'command line',
    schema: z.string().min(8, { error: 'has fewer than 8 characters' }),
    secret: true,
    meaning: 'The password of the login that `yad migrate --login` makes.',
  }),
  YAD_DEBUG: setting({
    area: 'command line',
    schema: z.string(),
    meaning: 'Set: the command line shows where errors came from.',
  }),
};
