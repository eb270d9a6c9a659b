import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.utils.Utils;

/**
 * A complete consumer of Yad's events: what each customer has bought, and their names, kept in a file.
 *
 * Start it with KAFKA_BROKERS, YAD_TOPIC, YAD_URL (where GET /v1/events is answered) and STATE (the file). It can be
 * killed and started again at any moment. What it keeps and how far it is are one state, written at once; a service with
 * a database has both in one transaction. It takes all partitions itself: with more than one member, each needs the state
 * of its own partitions.
 */
public final class CustomersConsumer {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What is kept of one customer. Of a walk-in order, the subject is the order itself. */
  public static final class Customer {
    public long position;
    public String name;
    public boolean erased;
    /** Whose facts these are from now on: of a merged contact, of a walk-in order whose customer is known. */
    public String sameAs;
    public Map<String, Integer> orders = new TreeMap<>();
    public Map<String, BigDecimal> net = new TreeMap<>();
  }

  public static final class State {
    public Map<Integer, Long> positions = new TreeMap<>();
    /** By incarnation of the log that began: the last position that was kept. */
    public Map<Integer, Long> forks = new TreeMap<>();
    public Map<String, Customer> customers = new TreeMap<>();
  }

  private final String url = setting("YAD_URL", "http://localhost:3000");
  private final String topic = setting("YAD_TOPIC", "yad.events");
  private final Path file = Path.of(setting("STATE", "customers.json"));
  private final HttpClient http = HttpClient.newHttpClient();
  private final State state;
  private int partitions;

  private CustomersConsumer() throws IOException {
    state = Files.exists(file) ? JSON.readValue(file.toFile(), State.class) : new State();
  }

  public static void main(String[] arguments) throws Exception {
    new CustomersConsumer().run();
  }

  private void run() throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", setting("KAFKA_BROKERS", "localhost:9092"));
    settings.put("group.id", "customers-service-java");
    settings.put("auto.offset.reset", "earliest");
    settings.put("enable.auto.commit", "false");
    // One that was killed is missed after ten seconds; its partitions go to the others then.
    settings.put("session.timeout.ms", "10000");
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      partitions = consumer.partitionsFor(topic).size();
      Thread main = Thread.currentThread();
      Runtime.getRuntime().addShutdownHook(new Thread(() -> end(consumer, main)));
      consumer.subscribe(List.of(topic), onAssignment());
      while (true) {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(500));
        for (ConsumerRecord<String, String> message : records) take(message);
        if (records.isEmpty()) continue;
        save();
        // Offsets only say where to begin to read; what counts are the positions in our own state.
        consumer.commitSync();
      }
    } catch (WakeupException ended) {
      // Told to end: what was taken is saved.
    }
  }

  /** One message: dropped where it is held, and what is missing before it is read from the log first. */
  private void take(ConsumerRecord<String, String> message) throws Exception {
    int partition = message.partition();
    long held = state.positions.getOrDefault(partition, 0L);
    JsonNode data = JSON.readTree(message.value());
    if (attribute(message, "type").equals("yad.log.forked")) {
      long forkedAt = data.get("forkedAt").asLong();
      state.forks.put(data.get("incarnation").asInt(), forkedAt);
      // It may be told again, and to who was not there yet when it happened.
      if (held > forkedAt && held < data.get("beginsAt").asLong()) undo(partition, forkedAt);
      return;
    }
    long position = Long.parseLong(attribute(message, "yadposition"));
    long previous = Long.parseLong(attribute(message, "yadprevious"));
    if (position <= held) return;
    // Sent by a relay that had not heard of the fork yet: an event that the log does not have.
    int incarnation = Integer.parseInt(attribute(message, "yadincarnation"));
    if (state.forks.entrySet().stream().anyMatch(fork -> fork.getKey() > incarnation && fork.getValue() < position)) return;
    if (previous > held) fill(List.of(partition), held, previous);
    apply(attribute(message, "type"), attribute(message, "subject"), position, data);
    state.positions.put(partition, position);
  }

  /** What no message will tell of (the topic keeps messages for a time only) is read from the log first. */
  private ConsumerRebalanceListener onAssignment() {
    return new ConsumerRebalanceListener() {
      @Override
      public void onPartitionsRevoked(Collection<TopicPartition> revoked) {}

      @Override
      public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
        if (assigned.isEmpty()) return;
        List<Integer> numbers = assigned.stream().map(TopicPartition::partition).toList();
        long held = numbers.stream().mapToLong(each -> state.positions.getOrDefault(each, 0L)).min().orElse(0);
        try {
          fill(numbers, held, Long.MAX_VALUE);
          save();
        } catch (Exception error) {
          throw new IllegalStateException("the log cannot be read", error);
        }
      }
    };
  }

  /** Applies what the log has of partitions between two positions, and moves them there or to the log's end. */
  private void fill(List<Integer> of, long after, long through) throws Exception {
    long reached;
    try {
      reached = apply(of, after, through);
    } catch (PositionLost lost) {
      for (int partition : of) undo(partition, lost.goOnAfter);
      reached = apply(of, lost.goOnAfter, through);
    }
    for (int partition : of) state.positions.merge(partition, reached, Math::max);
  }

  private long apply(List<Integer> of, long after, long through) throws Exception {
    return read("", after, through, event -> {
      String subject = event.get("subject").asText();
      long position = Long.parseLong(event.get("yadposition").asText());
      int partition = partitionOf(subject);
      if (!of.contains(partition) || position <= state.positions.getOrDefault(partition, 0L)) return;
      apply(event.get("type").asText(), subject, position, event.get("data"));
    });
  }

  /** The log goes on without its last events: what they changed here is forgotten, and read again as the log has it. */
  private void undo(int partition, long forkedAt) throws Exception {
    List<String> changed = new ArrayList<>();
    state.customers.forEach((subject, customer) -> {
      if (customer.position > forkedAt && partitionOf(subject) == partition) changed.add(subject);
    });
    state.positions.computeIfPresent(partition, (number, position) -> Math.min(position, forkedAt));
    for (String subject : changed) {
      state.customers.remove(subject);
      read("&subject=" + subject, 0, forkedAt, event ->
          apply(event.get("type").asText(), subject, Long.parseLong(event.get("yadposition").asText()), event.get("data")));
    }
  }

  /** The log goes on without what was read after a position: a failover or a restore. */
  private static final class PositionLost extends IOException {
    private final long goOnAfter;

    private PositionLost(long goOnAfter) {
      super("the log goes on after " + goOnAfter);
      this.goOnAfter = goOnAfter;
    }
  }

  private interface EventTaker {
    void take(JsonNode event) throws Exception;
  }

  /** Reads the log itself: the events after a position, up to another or to its end now; returns what was reached. */
  private long read(String filter, long after, long through, EventTaker taker) throws Exception {
    // From the second page on by `next`, which tells the log's incarnation, too.
    String place = String.valueOf(after);
    while (true) {
      HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/v1/events?after=" + place + filter)).build();
      HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() == 410) throw new PositionLost(JSON.readTree(answer.body()).get("goOnAfter").asLong());
      if (answer.statusCode() != 200) throw new IOException("the feed answers " + answer.statusCode() + ": " + answer.body());
      JsonNode page = JSON.readTree(answer.body());
      for (JsonNode event : page.get("events")) {
        if (Long.parseLong(event.get("yadposition").asText()) <= through) taker.take(event);
      }
      after = Long.parseLong(page.get("through").asText());
      place = page.get("next").asText();
      if (after >= through) return through;
      if (!page.get("more").asBoolean()) return after;
    }
  }

  /** Applies an event that is not held yet. A type that this service has no use for, or does not know, changes nothing. */
  private void apply(String type, String subject, long position, JsonNode data) {
    Customer customer = state.customers.getOrDefault(subject, new Customer());
    if (customer.position >= position) return;
    switch (type) {
      case "crm.contacts.contact.registered", "crm.contacts.contact.details-updated" -> customer.name = nameIn(data);
      case "crm.contacts.contact.merged" -> customer.sameAs = data.get("into").asText();
      case "crm.sales.order.attached" -> customer.sameAs = data.get("contact").asText();
      case "crm.contacts.contact.unmerged", "crm.sales.order.detached" -> customer.sameAs = null;
      case "crm.sales.order.completed" -> {
        if (!data.get("kind").asText().equals("sale")) return;
        String currency = data.get("currency").asText();
        customer.orders.merge(currency, 1, Integer::sum);
        customer.net.merge(currency, new BigDecimal(data.get("net").asText()), BigDecimal::add);
      }
      case "crm.privacy.erasure.ordered" -> {
        boolean profile = false;
        for (JsonNode each : data.get("classes")) profile |= each.asText().equals("profile");
        if (!profile) return;
        customer.name = null;
        customer.erased = true;
      }
      default -> {
        return;
      }
    }
    customer.position = position;
    state.customers.put(subject, customer);
  }

  /** The name in plaintext; null without one, where it was erased, and where it is sealed and we have no key. */
  private static String nameIn(JsonNode data) {
    JsonNode personal = data.path("personalData");
    if (personal.path("sealed").asInt(-1) != 0) return null;
    JsonNode name = personal.path("parts").path("profile").path("name");
    if (name.isMissingNode() || name.path("erased").asBoolean()) return null;
    if (name.hasNonNull("full")) return name.get("full").asText();
    return (name.path("given").asText("") + " " + name.path("family").asText("")).trim();
  }

  /** Either the state before or the one after, whenever the process ends. */
  private void save() throws IOException {
    Path next = file.resolveSibling(file.getFileName() + ".next");
    JSON.writeValue(next.toFile(), state);
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private int partitionOf(String subject) {
    return Utils.toPositive(Utils.murmur2(subject.getBytes(StandardCharsets.UTF_8))) % partitions;
  }

  private static String attribute(ConsumerRecord<String, String> message, String name) {
    Header header = message.headers().lastHeader("ce_" + name);
    return header == null ? "" : new String(header.value(), StandardCharsets.UTF_8);
  }

  private static void end(KafkaConsumer<String, String> consumer, Thread main) {
    consumer.wakeup();
    try {
      main.join();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static String setting(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }
}
