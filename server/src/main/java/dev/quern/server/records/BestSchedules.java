package dev.quern.server.records;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Chooses the schedule to offer for each kernel and bucket of a device class: the one with the
 * lowest median time over its records. A single record has one vote however many samples it claims,
 * so one fast lie moves nothing once a schedule has {@link #ENOUGH} records. Until one has, the
 * schedule with the most records is offered: a client checks and measures what it gets before it
 * trusts it, so a thin record costs time, never correctness.
 */
public final class BestSchedules {
  /** Records that make a median worth comparing. */
  public static final int ENOUGH = 3;

  /** Records read for each schedule; older ones have no vote. */
  public static final int WINDOW = 101;

  private BestSchedules() {}

  private record Key(String kernel, String bucket) {}

  /** A schedule's records in one kernel and bucket, the fastest first. */
  private record Candidate(List<ScheduleRecord> records) {
    double median() {
      int middle = records.size() / 2;
      double upper = records.get(middle).seconds();
      return records.size() % 2 == 1 ? upper : (records.get(middle - 1).seconds() + upper) / 2;
    }

    int votes() {
      return Math.min(records.size(), ENOUGH);
    }

    /** One record that stands for all: the middle one, with the median time and all samples. */
    ScheduleRecord summary() {
      ScheduleRecord middle = records.get((records.size() - 1) / 2);
      long samples = records.stream().mapToLong(ScheduleRecord::samples).sum();
      return new ScheduleRecord(
          middle.version(),
          middle.kernel(),
          middle.bucket(),
          middle.device(),
          middle.schedule(),
          median(),
          (int) Math.min(samples, Integer.MAX_VALUE),
          middle.engine(),
          middle.browser());
    }
  }

  /**
   * The best of these records, one a kernel and bucket, in the order in which these first appear.
   */
  public static List<ScheduleRecord> of(Collection<ScheduleRecord> records) {
    Map<Key, Map<String, List<ScheduleRecord>>> groups = new LinkedHashMap<>();
    for (ScheduleRecord record : records) {
      groups
          .computeIfAbsent(new Key(record.kernel(), record.bucket()), key -> new LinkedHashMap<>())
          .computeIfAbsent(record.schedule(), schedule -> new ArrayList<>())
          .add(record);
    }
    Comparator<Candidate> better =
        Comparator.comparingInt(Candidate::votes)
            .reversed()
            .thenComparingDouble(Candidate::median)
            .thenComparing(candidate -> candidate.records().getFirst().schedule());
    List<ScheduleRecord> best = new ArrayList<>();
    for (Map<String, List<ScheduleRecord>> group : groups.values()) {
      List<Candidate> candidates = new ArrayList<>();
      for (List<ScheduleRecord> of : group.values()) {
        of.sort(Comparator.comparingDouble(ScheduleRecord::seconds));
        candidates.add(new Candidate(of));
      }
      best.add(candidates.stream().min(better).orElseThrow().summary());
    }
    return best;
  }
}
