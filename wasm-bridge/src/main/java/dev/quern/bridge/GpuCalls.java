package dev.quern.bridge;

import dev.quern.gpu.GpuLimits;
import dev.quern.gpu.Recorder;
import dev.quern.gpu.Recording;
import dev.quern.graph.Value;
import dev.quern.kernel.KernelSpec;
import dev.quern.plan.Plan;
import dev.quern.plan.Step;
import dev.quern.runtime.Kept;
import dev.quern.runtime.ModelRunner;
import dev.quern.runtime.RunException;
import dev.quern.tuner.RecordBook;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.teavm.jso.JSExport;

/**
 * What the worker's JavaScript asks for a model on a GPU. The model is planned, and its weights are
 * packed, as for the CPU, which answers until the GPU is ready and whenever it fails; here the same
 * plan becomes a list that {@code web/src/main/js/engine/gpu.js} plays.
 *
 * <p>Java makes the list and JavaScript plays it because nearly every call of WebGPU that can fail
 * is a promise, and the engine's exports are synchronous: bindings would need TeaVM's coroutines
 * around all callers, while to make buffers from a list and submit it takes a page of JavaScript
 * that decides nothing.
 */
public final class GpuCalls {
  private static GpuTuning tuning;

  private GpuCalls() {}

  /**
   * Why the model cannot be recorded, null if it can, and whether the CPU rounds to 8 bits what the
   * GPU does not: {@code {"refused": text, "rounds": bool}}. The request tells the class of
   * adapters and browsers, what the browser calls itself, and its records: {@code {"device",
   * "browser", "records"}}.
   */
  @JSExport
  public static String gpu(String text) {
    return Reply.to(() -> {
      Request request = Request.of(text);
      if (!(Engine.model().backend() instanceof WasmBackend wasm)) {
        return Reply.object(
            "refused", "its shapes depend on data, so that there is no plan to record");
      }
      tuning =
          new GpuTuning(
              wasm.tunable(),
              wasm.runner().plan().steps(),
              request.text("device"),
              request.text("browser"));
      tuning.add(request.list("records"), RecordBook.Origin.OWN);
      boolean rounds = false;
      for (Step step : wasm.runner().plan().steps()) {
        rounds |=
            step.kernel() instanceof KernelSpec.QuantizeBlocks
                || step.kernel() instanceof KernelSpec.Quantize;
      }
      return Reply.object("refused", null, "rounds", rounds);
    });
  }

  /** Takes the server's schedule records. */
  @JSExport
  public static String gpuRecords(String request) {
    return Reply.to(() -> {
      tuning.add(Request.of(request).list("records"), RecordBook.Origin.SERVER);
      return Reply.object();
    });
  }

  /**
   * What to try next on a run with these inputs: a step, the shaders and workgroups of two
   * schedules, whether the candidate is known to compute what it should; the step is null if
   * nothing is left.
   */
  @JSExport
  public static String trial(String request) {
    return Reply.to(() -> {
      Request of = Request.of(request);
      return tuning.trial(symbols(of), of.integers("steps"), of.flag("search"));
    });
  }

  /** The next problem that the candidate is checked on. */
  @JSExport
  public static String problem(String request) {
    return Reply.to(() -> tuning.problem());
  }

  /** Judges what it has computed: {@code {"done", "refused", "adopted", "events"}}. */
  @JSExport
  public static String judge(String request) {
    return Reply.to(() -> tuning.judge());
  }

  /** Drops the candidate for a reason that the device gave. */
  @JSExport
  public static String refuse(String request) {
    return Reply.to(() -> tuning.refuse(Request.of(request).text("reason")));
  }

  /** Takes the seconds of a pair of steps: {@code {"more", "adopted", "events"}}. */
  @JSExport
  public static String timed(String request) {
    return Reply.to(() -> {
      Request of = Request.of(request);
      return tuning.timed(of.number("incumbent"), of.number("candidate"));
    });
  }

  /** What a run with these inputs dispatches for the kernels whose schedules were chosen. */
  @JSExport
  public static String tiled(String request) {
    return Reply.to(() -> {
      Request of = Request.of(request);
      return tuning.tiled(symbols(of), of.integers("steps"));
    });
  }

  /** The products of the run that was tuned last: {@code {"schedules": rows}}. */
  @JSExport
  public static String tiles(String request) {
    return Reply.to(() -> Reply.object("schedules", tuning.rows()));
  }

  /** The recording of a run with these inputs. */
  @JSExport
  public static String record(String request) {
    return Reply.to(() -> record(Request.of(request)));
  }

  /**
   * Binds a run on the CPU for the steps that stay there: the program's address and those of the
   * activations.
   */
  @JSExport
  public static String bind(String request) {
    return Reply.to(() -> {
      ModelRunner runner = runner();
      try {
        runner.bind(dims(Engine.model().given(Request.of(request))));
      } catch (RunException e) {
        throw EngineException.told(e);
      }
      List<Object> addresses = new ArrayList<>();
      for (int i = 0; i < runner.plan().activations().size(); i++) {
        addresses.add((double) runner.address(i));
      }
      return Reply.object("program", (double) runner.program(), "addresses", addresses);
    });
  }

  /**
   * What runs on the CPU have left for the next, which goes on on the GPU: {@code {"values":
   * [{name, address, dims, type}]}}; it stays there until {@link #leave}.
   */
  @JSExport
  public static String kept(String request) {
    return Reply.to(() -> {
      Kept kept = backend().kept();
      List<Object> values = new ArrayList<>();
      if (kept != null) {
        Map<String, long[]> dims = kept.dims();
        kept.addresses()
            .forEach((name, address) ->
                values.add(
                    Reply.object(
                        "name",
                        name,
                        "address",
                        (double) address,
                        "dims",
                        Reply.dims(dims.get(name)),
                        "type",
                        type(name))));
      }
      return Reply.object("values", values);
    });
  }

  /** What runs on the CPU have left is outdated. */
  @JSExport
  public static String leave(String request) {
    return Reply.to(() -> {
      Kept kept = backend().kept();
      if (kept != null) {
        kept.forget();
      }
      return Reply.object();
    });
  }

  private static String type(String input) {
    for (Value value : runner().plan().inputs()) {
      if (value.name().equals(input)) {
        return value.type().label();
      }
    }
    throw new IllegalArgumentException(input);
  }

  private static WasmBackend backend() {
    return (WasmBackend) Engine.model().backend();
  }

  private static ModelRunner runner() {
    return backend().runner();
  }

  private static Map<String, long[]> dims(Map<String, Input> inputs) {
    Map<String, long[]> dims = new LinkedHashMap<>();
    inputs.forEach((name, input) -> dims.put(name, input.dims()));
    return dims;
  }

  private static Map<String, Long> symbols(Request request) {
    try {
      return runner().symbols(dims(Engine.model().given(request)));
    } catch (RunException e) {
      throw EngineException.told(e);
    }
  }

  private static Map<String, Object> record(Request request) {
    ModelRunner runner = runner();
    Plan plan = runner.plan();
    Map<String, Long> symbols = symbols(request);
    long[] weightBytes = new long[plan.weights().size()];
    for (int i = 0; i < weightBytes.length; i++) {
      weightBytes[i] = runner.weightBytes(i);
    }
    GpuLimits limits =
        new GpuLimits((int) request.integer("storageBuffers"), request.integer("bindingBytes"));
    Recording recording = Recorder.record(plan, weightBytes, symbols, limits, tuning.shaders());
    Map<String, Object> reply = GpuReply.of(recording, runner);
    List<Object> inputs = new ArrayList<>();
    for (Value input : plan.inputs()) {
      int buffer = recording.activations().get(plan.places().get(input.name()));
      inputs.add(Reply.object("name", input.name(), "buffer", buffer));
    }
    List<Object> outputs = new ArrayList<>();
    for (Value output : plan.outputs()) {
      long[] dims = output.shape().evaluate(symbols);
      long bytes = output.type().bytes();
      for (long dim : dims) {
        bytes *= dim;
      }
      outputs.add(
          Reply.object(
              "name", output.name(),
              "type", output.type().label(),
              "dims", Reply.dims(dims),
              "buffer", recording.activations().get(plan.places().get(output.name())),
              "bytes", (double) bytes));
    }
    reply.put("inputs", inputs);
    reply.put("outputs", outputs);
    reply.put("shape", Model.shape(Engine.model().given(request), false));
    return reply;
  }
}
