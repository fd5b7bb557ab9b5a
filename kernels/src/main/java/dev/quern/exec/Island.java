package dev.quern.exec;

import dev.quern.graph.Constant;
import dev.quern.graph.Dim;
import dev.quern.graph.Graph;
import dev.quern.graph.PartImporter.Part;
import dev.quern.graph.PartImporter.Result;
import dev.quern.graph.Value;
import dev.quern.onnx.Bytes;
import dev.quern.reference.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Nodes that a device computes in one go, and where their results are. */
final class Island {
  private final Part part;
  private final Optional<Device.Compiled> compiled;

  /** An island of what was imported; a graph that has no nodes needs no device. */
  Island(Part part, Device device) {
    this.part = part;
    Graph graph = part.graph();
    this.compiled =
        graph.outputs().isEmpty() ? Optional.empty() : Optional.of(device.compile(graph));
  }

  /**
   * Runs it on the values of a scope and puts the results there.
   *
   * @throws IllegalArgumentException if the sizes do not fit
   */
  void run(Scope scope) {
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    Map<String, long[]> sizes = new LinkedHashMap<>();
    for (Value input : part.graph().inputs()) {
      Tensor tensor = scope.tensor(input.name());
      inputs.put(input.name(), tensor);
      sizes.put(input.name(), tensor.dims());
    }
    Map<String, Long> symbols = part.graph().bind(sizes);
    Map<String, Tensor> outputs =
        compiled.isPresent() ? compiled.get().run(inputs) : Map.<String, Tensor>of();
    part.results()
        .forEach((name, result) -> {
          switch (result) {
            case Result.Fixed fixed -> scope.put(name, renamed(name, fixed.constant()));
            case Result.Sizes sized -> scope.put(name, tensor(sized, symbols));
            case Result.Computed computed -> {
              Tensor output = outputs.get(computed.name());
              scope.put(name, output == null ? inputs.get(computed.name()) : output);
            }
          }
        });
  }

  /** Whether the sizes of a scope fit what the island assumes of them. */
  boolean fits(Scope scope) {
    Map<String, long[]> sizes = new LinkedHashMap<>();
    for (Value input : part.graph().inputs()) {
      sizes.put(input.name(), scope.tensor(input.name()).dims());
    }
    try {
      part.graph().bind(sizes);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  void release() {
    compiled.ifPresent(Device.Compiled::release);
  }

  private static Constant renamed(String name, Constant constant) {
    return new Constant(name, constant.type(), constant.shape(), constant.data());
  }

  private static Tensor tensor(Result.Sizes sized, Map<String, Long> symbols) {
    Value value = sized.value();
    List<Dim> elements = sized.elements();
    int width = value.type().bytes();
    byte[] data = new byte[elements.size() * width];
    for (int i = 0; i < elements.size(); i++) {
      long number = elements.get(i).evaluate(symbols);
      for (int b = 0; b < width; b++) {
        data[i * width + b] = (byte) (number >> 8 * b);
      }
    }
    return Tensor.fromBytes(value.type(), Bytes.of(data), value.shape().evaluate(symbols));
  }
}
