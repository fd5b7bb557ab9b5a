package dev.quern.tuner;

import dev.quern.schedule.Features;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The best known record for each kernel and bucket of one device class. Records that are not legal
 * here, or of another class, never get in; they are reported.
 */
public final class RecordBook {
  /** Where a record came from; an own measurement counts more than a stranger's. */
  public enum Origin {
    SERVER,
    OWN
  }

  /** A record and where it came from. */
  public record Entry(TuningRecord record, Origin origin) {}

  private final String device;
  private final Legality legality;
  private final Map<String, Entry> entries = new TreeMap<>();
  private final List<Refusal> refusals = new ArrayList<>();

  /** What a device can be asked to run. */
  public interface Legality {
    /** Why a schedule may not serve there; empty if it may. */
    List<String> problems(Schedule schedule);
  }

  /** An empty book for devices of a class. */
  public RecordBook(String device, Features features) {
    this(device, schedule -> schedule.problems(features));
  }

  /** An empty book for devices of a class that have rules of their own. */
  public RecordBook(String device, Legality legality) {
    this.device = device;
    this.legality = legality;
  }

  /**
   * Adds a record unless it is illegal here or a better one is known: an own one beats the
   * server's, a newer own one replaces an older, and among the server's the faster stays.
   *
   * @return whether the record is now the one for its kernel and bucket
   */
  public boolean add(TuningRecord record, Origin origin) {
    List<String> problems = new ArrayList<>();
    if (!record.device().equals(device)) {
      problems.add("it was measured on " + record.device() + ", this is " + device);
    }
    problems.addAll(legality.problems(record.schedule()));
    if (!problems.isEmpty()) {
      refusals.add(
          new Refusal(
              record.kernel(),
              record.bucket(),
              record.schedule().text(),
              String.join("; ", problems)));
      return false;
    }
    String key = key(record.kernel(), record.bucket());
    Entry known = entries.get(key);
    if (known != null && known.origin() == Origin.OWN && origin == Origin.SERVER) {
      return false;
    }
    if (known != null
        && known.origin() == origin
        && origin == Origin.SERVER
        && known.record().seconds() <= record.seconds()) {
      return false;
    }
    entries.put(key, new Entry(record, origin));
    return true;
  }

  /**
   * Adds every record of a JSON array; what cannot be read is reported, the others count.
   *
   * @throws RecordException if the text is no JSON array
   */
  public void addAll(String json, Origin origin) {
    if (!(Json.read(json) instanceof List<?> list)) {
      throw new RecordException("records are no JSON array");
    }
    for (Object item : list) {
      try {
        add(TuningRecord.of(item), origin);
      } catch (RecordException wrong) {
        refusals.add(new Refusal("?", RowBucket.ONE, "?", wrong.getMessage()));
      }
    }
  }

  /** The record for a kernel and bucket, or null. */
  public Entry find(String kernel, RowBucket bucket) {
    return entries.get(key(kernel, bucket));
  }

  /** Removes a record that failed its check. */
  void remove(TuningRecord record) {
    entries.remove(key(record.kernel(), record.bucket()));
  }

  /** All records, ordered by kernel and bucket. */
  public List<Entry> entries() {
    return new ArrayList<>(entries.values());
  }

  /** All records as one JSON array, for the browser's store. */
  public String json() {
    List<Object> list = new ArrayList<>();
    for (Entry entry : entries.values()) {
      list.add(entry.record().fields());
    }
    return Json.write(list);
  }

  /** What was dropped since the last call. */
  public List<Refusal> takeRefusals() {
    List<Refusal> taken = new ArrayList<>(refusals);
    refusals.clear();
    return taken;
  }

  private static String key(String kernel, RowBucket bucket) {
    return kernel + " m=" + bucket.label();
  }
}
