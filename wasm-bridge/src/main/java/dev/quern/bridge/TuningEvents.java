package dev.quern.bridge;

import dev.quern.schedule.Schedule;
import dev.quern.tuner.Refusal;
import dev.quern.tuner.Tuner;
import dev.quern.tuner.TuningRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What a tuner reports, as events for the page. */
final class TuningEvents implements Tuner.Listener {
  private final List<Object> events = new ArrayList<>();
  private int reported = -1;
  private boolean reportedMore;

  @Override
  public void tuned(TuningRecord record, Schedule previous, double ratio) {
    events.add(
        Reply.object(
            "type",
            "tuned",
            "record",
            record.fields(),
            "previous",
            previous.text(),
            "ratio",
            ratio));
  }

  @Override
  public void refused(Refusal refusal) {
    events.add(
        Reply.object(
            "type", "refused",
            "kernel", refusal.kernel(),
            "bucket", refusal.bucket().label(),
            "schedule", refusal.schedule(),
            "reason", refusal.reason()));
  }

  /** How far the search is; everything counts as decided when nothing is left to do. */
  void progress(int tried, int candidates, boolean more) {
    int total = more ? Math.max(candidates, tried + 1) : tried;
    if (tried != reported || more != reportedMore) {
      reported = tried;
      reportedMore = more;
      events.add(
          Reply.object("type", "progress", "phase", "tune", "loaded", tried, "total", total));
    }
  }

  void add(Map<String, Object> event) {
    events.add(event);
  }

  int size() {
    return events.size();
  }

  /** What was refused since there were so many events; null if nothing was. */
  String refusedSince(int before) {
    return events.size() > before ? (String) Request.of(events.get(before)).value("reason") : null;
  }

  /** What happened since the last call. */
  List<Object> take() {
    List<Object> taken = new ArrayList<>(events);
    events.clear();
    return taken;
  }

  /** The kernels in use. */
  static List<Object> rows(List<Tuner.Row> kernels) {
    List<Object> rows = new ArrayList<>();
    for (Tuner.Row row : kernels) {
      rows.add(
          Reply.object(
              "kernel", row.kernel(),
              "bucket", row.bucket().label(),
              "schedule", row.schedule().text(),
              "source", row.source().label(),
              "seconds", finite(row.seconds()),
              "gflops", finite(row.gflops()),
              "layers", row.layers()));
    }
    return rows;
  }

  private static Object finite(double number) {
    return Double.isNaN(number) || Double.isInfinite(number) ? null : (Object) number;
  }
}
