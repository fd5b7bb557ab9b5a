package dev.quern.bridge;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.Value;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.Lists;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxReader;
import dev.quern.plan.Plan;
import dev.quern.plan.PlanException;
import dev.quern.plan.Planner;
import dev.quern.runtime.Arrival;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A model that is ready to run, and the answers to the worker's requests about it. */
final class Model {
  private final BrowserMachine machine;
  private final List<Value> inputs;
  private final List<Value> outputs;
  private final Backend backend;
  private final Timeline timeline;
  private final Arrival arrival;
  private final Set<String> shapes = new LinkedHashSet<>();

  /**
   * A model on a device.
   *
   * @param inputs what a run is given; sizes that a run decides are symbols
   * @param outputs what it gives
   */
  record Opened(List<Value> inputs, List<Value> outputs, Backend backend) {}

  private Model(BrowserMachine machine, Opened opened, Timeline timeline, Arrival arrival) {
    this.machine = machine;
    this.inputs = opened.inputs();
    this.outputs = opened.outputs();
    this.backend = opened.backend();
    this.timeline = timeline;
    this.arrival = arrival;
  }

  /**
   * Reads the files that a request names by their addresses, and prepares the device it wants.
   *
   * @throws EngineException with code {@code incomplete} if another edition may know what the model
   *     holds
   * @throws Arrival.MissingException if bytes are needed that are on their way
   */
  static Model plan(Edition edition, BrowserMachine machine, Request request) {
    Timeline timeline = new Timeline(machine);
    Arrival arrival = new Arrival();
    boolean reference = request.text("device").equals("reference");
    OnnxModel file = timeline.time("parse", () -> read(machine, request, arrival));
    Graph graph;
    Plan plan = null;
    try {
      Graph parsed = timeline.time("parse", () -> parse(edition, file));
      if (!reference) {
        plan =
            timeline.time(
                "plan",
                () -> Planner.plan(parsed, edition.lowerings(), machine.features().sumsBytes()));
      }
      graph = parsed;
    } catch (ModelException | PlanException e) {
      Opened opened = edition.dynamic().open(machine, file, request, end(request), e);
      return new Model(machine, opened, timeline, arrival);
    }
    Backend backend =
        reference
            ? edition.reference().open(machine, graph)
            : WasmBackend.plan(machine, graph, plan, request, end(request), timeline);
    List<Value> outputs = new ArrayList<>();
    for (String name : graph.outputs()) {
      outputs.add(graph.value(name));
    }
    return new Model(machine, new Opened(graph.inputs(), outputs, backend), timeline, arrival);
  }

  private static Graph parse(Edition edition, OnnxModel file) {
    return Passes.optimise(GraphImporter.importModel(file, edition.operators()), edition.folding());
  }

  /** Runs kernels so that the browser optimises them: whether doing it again may help. */
  Map<String, Object> warm(Request request) {
    return Reply.object("more", backend.warm((int) request.integer("threads")));
  }

  /** Makes the model ready, now that all files are there. */
  void finish() {
    arrival.complete();
    backend.finish();
  }

  private static OnnxModel read(BrowserMachine machine, Request request, Arrival arrival) {
    Map<String, Bytes> data = new LinkedHashMap<>();
    for (Request file : request.objects("data")) {
      data.put(file.text("path"), view(machine, file, arrival));
    }
    return OnnxReader.read(
        view(machine, request.object("model"), arrival),
        location -> {
          Bytes bytes = data.get(location);
          if (bytes == null) {
            throw new UncheckedIOException(
                new IOException("the file '" + location + "' was not loaded with the model"));
          }
          return bytes;
        });
  }

  /** A file, with the gaps that the request says there are: {@code [from, length, from, …]}. */
  private static Bytes view(BrowserMachine machine, Request file, Arrival arrival) {
    MemoryBytes bytes = machine.view(file.integer("address"), file.integer("bytes"));
    List<Arrival.Gap> gaps = new ArrayList<>();
    List<Long> numbers = file.integers("gaps");
    for (int i = 0; i + 1 < numbers.size(); i += 2) {
      gaps.add(new Arrival.Gap(numbers.get(i), numbers.get(i + 1)));
    }
    return gaps.isEmpty() ? bytes : arrival.view(bytes, gaps);
  }

  /** The first address behind the files. */
  private static long end(Request request) {
    Request file = request.object("model");
    long end = file.integer("address") + file.integer("bytes");
    for (Request other : request.objects("data")) {
      end = Math.max(end, other.integer("address") + other.integer("bytes"));
    }
    return end;
  }

  Backend backend() {
    return backend;
  }

  /** The inputs that a request names, checked against the model's. */
  Map<String, Input> given(Request request) {
    return Input.all(request.objects("inputs"), inputs);
  }

  /** Counts a run that the CPU does not do: whether it is the first of its sizes. */
  boolean first(Map<String, Input> given) {
    return shapes.add(shape(given, true));
  }

  /** What the page learns when the model is ready. */
  Map<String, Object> description() {
    Map<String, Object> phases = Reply.object("parse", timeline.worked("parse"));
    phases.putAll(backend.phases());
    return Reply.object(
        "inputs", Reply.values(inputs),
        "outputs", Reply.values(outputs),
        "threads", backend.threads(),
        "unmeasured", backend.unmeasured(),
        "keeps", backend.keeps(),
        "phases", phases,
        "timeline", timeline.list(),
        "events", backend.events());
  }

  Map<String, Object> run(Request request) {
    Map<String, String> pairs = request.texts("keep");
    Map<String, Input> given = Input.all(request.objects("inputs"), asked(request, pairs));
    List<String> wanted = wanted(request);
    wanted.removeAll(pairs.values());
    Backend.Result result =
        pairs.isEmpty() ? backend.run(given, wanted) : backend.run(given, wanted, pairs);
    List<Object> results = new ArrayList<>();
    for (Backend.Output output : result.outputs()) {
      results.add(
          Reply.object(
              "name", output.name(),
              "type", output.type().label(),
              "dims", Reply.dims(output.dims()),
              "address", (double) output.address(),
              "bytes", (double) output.bytes(),
              "staged", output.staged()));
    }
    return Reply.object(
        "outputs", results,
        "shape", shape(given, false),
        "first", shapes.add(shape(given, true)),
        "flops", result.flops(),
        "prepared", prepared(result.prepared()),
        "events", backend.events());
  }

  /** The inputs that a run must be given: those that the run before has left need not be. */
  private List<Value> asked(Request request, Map<String, String> pairs) {
    List<Value> asked = new ArrayList<>(inputs);
    for (Request input : request.objects("inputs")) {
      if (pairs.containsKey(input.text("name"))) {
        return asked;
      }
    }
    asked.removeIf(input -> pairs.containsKey(input.name()));
    return asked;
  }

  private static Object prepared(Backend.Prepared prepared) {
    if (prepared == null) {
      return null;
    }
    Map<String, Object> inputs = Reply.object();
    prepared.inputs().forEach((name, address) -> inputs.put(name, (double) address));
    return Reply.object(
        "program",
        (double) prepared.program(),
        "steps",
        prepared.steps(),
        "inputs",
        inputs,
        "version",
        prepared.version());
  }

  Map<String, Object> share() {
    backend.share();
    return Reply.object();
  }

  Map<String, Object> profile(Request request) {
    Map<String, Input> given = Input.all(request.objects("inputs"), inputs);
    Map<String, Object> reply = backend.profile(given, (int) request.integer("runs"));
    reply.put("shape", shape(given, false));
    return reply;
  }

  private List<String> wanted(Request request) {
    List<String> all = new ArrayList<>();
    outputs.forEach(output -> all.add(output.name()));
    if (request.value("outputs") == null) {
      return all;
    }
    List<String> names = new ArrayList<>();
    for (Object name : request.list("outputs")) {
      String text = name instanceof String given ? given : "";
      if (!all.contains(text)) {
        throw new EngineException(
            "input", "The model has no output '" + text + "'; it has " + Lists.text(all) + ".");
      }
      names.add(text);
    }
    return names;
  }

  /** The sizes of the first input, {@code 1x32}, which a latency is reported with, or of all. */
  static String shape(Map<String, Input> inputs, boolean all) {
    StringBuilder text = new StringBuilder();
    for (Input input : inputs.values()) {
      String separator = text.length() == 0 ? "" : " ";
      for (long dim : input.dims()) {
        text.append(separator).append(dim);
        separator = "x";
      }
      if (!all) {
        break;
      }
    }
    return text.toString();
  }

  Map<String, Object> schedules(Request request) {
    Map<String, Object> reply = backend.add(request.list("records"));
    reply.put("events", backend.events());
    return reply;
  }

  Map<String, Object> tuning(Request request) {
    backend.search(request.flag("tune"));
    return Reply.object();
  }

  Map<String, Object> tune(Request request) {
    boolean more = backend.idle((double) request.integer("milliseconds"));
    return Reply.object(
        "more",
        more,
        "unmeasured",
        backend.unmeasured(),
        "threads",
        backend.threads(),
        "events",
        backend.events());
  }

  Map<String, Object> describe() {
    Map<String, Object> reply = backend.describe();
    reply.put("memoryBytes", (double) machine.memory().size());
    return reply;
  }
}
