import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Reads a topic from its beginning to its end now, and writes each message as it comes: a line of JSON. */
public class Consume {
  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    ObjectMapper json = new ObjectMapper();
    Map<String, Object> settings = Map.of("bootstrap.servers", args[0], "enable.auto.commit", "false");
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(args[1]).stream().map(each -> new TopicPartition(args[1], each.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (ConsumerRecord<String, String> message : consumer.poll(Duration.ofMillis(500))) {
          Map<String, Object> headers = new LinkedHashMap<>();
          for (Header header : message.headers()) {
            Object before = headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
            if (before != null) throw new IllegalStateException(header.key() + " is given twice");
          }
          Map<String, Object> line = new LinkedHashMap<>();
          line.put("partition", message.partition());
          line.put("offset", message.offset());
          line.put("key", message.key());
          line.put("headers", headers);
          line.put("value", message.value());
          out.println(json.writeValueAsString(line));
        }
      }
    }
    out.flush();
  }
}
