package dev.quern.server.records;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Keeps telemetry. SQLite is the default; a database server that several instances share fits the
 * same interface.
 */
public interface RecordStore extends AutoCloseable {
  /**
   * Keeps a batch, all of it or none. When this returns the batch is on disk: it survives the end
   * of the process, however sudden.
   */
  void append(List<Event> events);

  /**
   * The newest records of a device class, at most {@code most} for each kernel, bucket and
   * schedule.
   *
   * @param engine only those of this engine version, if present
   */
  List<ScheduleRecord> schedules(String device, Optional<String> engine, int most);

  /** Events kept, by kind. */
  Map<String, Long> counts();

  /** Whether the store answers. */
  boolean healthy();

  @Override
  void close();
}
