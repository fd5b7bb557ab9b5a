package dev.quern.bridge;

import dev.quern.gpu.Recording;
import dev.quern.runtime.ModelRunner;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A recording as JSON. */
final class GpuReply {
  private GpuReply() {}

  static Map<String, Object> of(Recording recording, ModelRunner runner) {
    List<Object> buffers = new ArrayList<>();
    for (Recording.Buffer buffer : recording.buffers()) {
      Map<String, Object> entry = Reply.object("bytes", (double) buffer.bytes());
      if (buffer.weight() >= 0) {
        entry.put("weight", buffer.weight() + ":" + buffer.from());
        long left = runner.weightBytes(buffer.weight()) - buffer.from();
        entry.put("address", (double) (runner.weightAddress(buffer.weight()) + buffer.from()));
        entry.put("length", (double) Math.min(buffer.bytes(), left));
      }
      buffers.add(entry);
    }
    List<Object> parts = new ArrayList<>();
    for (Recording.Part part : recording.parts()) {
      parts.add(
          switch (part) {
            case Recording.Dispatches dispatches -> dispatches(dispatches, runner);
            case Recording.OnCpu steps ->
                Reply.object(
                    "first", steps.first(),
                    "last", steps.last(),
                    "needs", new ArrayList<Object>(steps.needs()),
                    "gives", new ArrayList<Object>(steps.gives()),
                    "why", steps.why());
          });
    }
    return Reply.object(
        "buffers",
        buffers,
        "shaders",
        new ArrayList<Object>(recording.shaders()),
        "parts",
        parts,
        "activations",
        new ArrayList<Object>(recording.activations()),
        "sizes",
        numbers(recording.sizes()),
        "flops",
        recording.flops());
  }

  private static Map<String, Object> dispatches(
      Recording.Dispatches dispatches, ModelRunner runner) {
    List<Object> list = new ArrayList<>();
    for (Recording.Dispatch dispatch : dispatches.list()) {
      List<Object> bindings = new ArrayList<>();
      for (Recording.Binding binding : dispatch.bindings()) {
        bindings.add(Reply.object("buffer", binding.buffer(), "size", (double) binding.bytes()));
      }
      list.add(
          Reply.object(
              "step", dispatch.step(),
              "name", runner.plan().steps().get(dispatch.step()).name(),
              "kernel", runner.plan().steps().get(dispatch.step()).kernel().signature(),
              "shader", dispatch.shader(),
              "bindings", bindings,
              "words", numbers(dispatch.words()),
              "faults", dispatch.faults(),
              "groups", numbers(dispatch.groups())));
    }
    return Reply.object("dispatches", list);
  }

  static List<Object> numbers(List<Long> values) {
    List<Object> numbers = new ArrayList<>();
    for (long value : values) {
      numbers.add((double) value);
    }
    return numbers;
  }
}
