package dev.quern.bridge;

import dev.quern.graph.Value;
import dev.quern.onnx.DataType;
import dev.quern.onnx.Lists;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An input tensor of a run; its elements stay in JavaScript until they are asked for.
 *
 * @param index its place in the request
 * @param bytes the length of its elements, which fits its shape
 */
record Input(int index, String name, DataType type, long[] dims, long bytes) {

  /**
   * Takes the inputs of a run from its request and checks them against what the model declares:
   * names, types, and that each has the bytes its shape says.
   *
   * @throws EngineException with code {@code input}
   */
  static Map<String, Input> all(List<Request> requests, List<Value> declared) {
    Map<String, Input> inputs = new LinkedHashMap<>();
    for (int i = 0; i < requests.size(); i++) {
      Input input = of(i, requests.get(i));
      inputs.put(input.name, input);
    }
    Map<String, Input> wanted = new LinkedHashMap<>();
    for (Value value : declared) {
      Input input = inputs.remove(value.name());
      if (input == null) {
        throw wrong(
            "The input '" + value.name() + "' is missing; the model wants " + names(declared));
      }
      if (input.type != value.type()) {
        throw wrong(
            "The input '"
                + value.name()
                + "' is "
                + input.type.label()
                + ", but the model wants "
                + value.type().label());
      }
      wanted.put(value.name(), input);
    }
    if (!inputs.isEmpty()) {
      throw wrong(
          "The model has no input '"
              + inputs.keySet().iterator().next()
              + "'; it wants "
              + names(declared));
    }
    return wanted;
  }

  private static Input of(int index, Request request) {
    String name = request.text("name");
    List<?> sizes = request.list("dims");
    long[] dims = new long[sizes.size()];
    long elements = 1;
    for (int i = 0; i < dims.length; i++) {
      double size = sizes.get(i) instanceof Double number ? number : -1;
      if (size < 0 || size != Math.floor(size) || size > 1e9) {
        throw wrong("Axis " + i + " of the input '" + name + "' is no whole number from 0 to 1e9");
      }
      dims[i] = (long) size;
      elements *= dims[i];
      if (elements > 1L << 32) {
        throw wrong("The input '" + name + "' has more than 2^32 elements");
      }
    }
    DataType type = DataType.ofLabel(request.text("type"));
    long bytes = request.integer("bytes");
    if (bytes != elements * type.bytes()) {
      throw wrong(
          "The input '"
              + name
              + "' holds "
              + bytes
              + " bytes, but "
              + elements
              + " elements of "
              + type.label()
              + " take "
              + elements * type.bytes());
    }
    return new Input(index, name, type, dims, bytes);
  }

  private static String names(List<Value> values) {
    List<String> names = new ArrayList<>();
    for (Value value : values) {
      names.add(value.name());
    }
    return Lists.text(names);
  }

  private static EngineException wrong(String message) {
    return new EngineException("input", message + ".");
  }
}
