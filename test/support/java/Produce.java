import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/** Sends a message for each key, a line in UTF-8, with the producer as it comes, and says where each went. */
public class Produce {
  public static void main(String[] args) throws Exception {
    Map<String, Object> settings = Map.of("bootstrap.servers", args[0], "linger.ms", "20");
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        Scanner keys = new Scanner(System.in, StandardCharsets.UTF_8)) {
      while (keys.hasNextLine()) sent.add(producer.send(new ProducerRecord<>(args[1], keys.nextLine(), "")));
      StringBuilder partitions = new StringBuilder();
      for (var each : sent) partitions.append(each.get().partition()).append('\n');
      System.out.print(partitions);
    }
  }
}
