package dev.quern.server.records;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.Map;

/** One thing that a page reports, after it has passed {@link TelemetrySchema}. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
@JsonSubTypes({
  @JsonSubTypes.Type(value = Event.Schedule.class, name = "schedule"),
  @JsonSubTypes.Type(value = Event.Inference.class, name = "inference"),
  @JsonSubTypes.Type(value = Event.Load.class, name = "load")
})
public sealed interface Event {

  /** The name of the event's kind, as in JSON. */
  String kind();

  /** A schedule that a tuner found to be the best so far. */
  record Schedule(ScheduleRecord record) implements Event {
    @Override
    public String kind() {
      return "schedule";
    }
  }

  /**
   * One inference.
   *
   * @param shape sizes of the input, such as {@code 1x32}
   * @param first whether it was the first after loading
   */
  record Inference(
      String model,
      String device,
      String browser,
      String engine,
      int threads,
      String shape,
      double milliseconds,
      boolean first)
      implements Event {
    @Override
    public String kind() {
      return "inference";
    }
  }

  /**
   * One loading of a model.
   *
   * @param phases milliseconds by phase
   */
  record Load(
      String model, String device, String browser, String engine, Map<String, Double> phases)
      implements Event {
    @Override
    public String kind() {
      return "load";
    }
  }
}
