package dev.quern.bridge;

import dev.quern.runtime.Machine;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** When the phases of loading began and ended, in milliseconds of the worker's clock. */
final class Timeline {
  /** A phase may go on in several pieces: from the first one's start to the last one's end. */
  private static final class Span {
    private final double start;
    private double end;
    private double worked;

    Span(double start) {
      this.start = start;
    }
  }

  private final Machine machine;
  private final Map<String, Span> spans = new LinkedHashMap<>();

  Timeline(Machine machine) {
    this.machine = machine;
  }

  /** Does a phase, or a piece of it. */
  <T> T time(String phase, Supplier<T> work) {
    double start = machine.now();
    try {
      return work.get();
    } finally {
      Span span = spans.computeIfAbsent(phase, each -> new Span(start));
      span.end = machine.now();
      span.worked += span.end - start;
    }
  }

  /** Milliseconds that were worked on a phase. */
  double worked(String phase) {
    Span span = spans.get(phase);
    return span == null ? 0 : span.worked;
  }

  /** The phases as JSON objects. */
  List<Object> list() {
    List<Object> list = new ArrayList<>();
    spans.forEach((phase, span) ->
        list.add(Reply.object("phase", phase, "start", span.start, "end", span.end)));
    return list;
  }
}
