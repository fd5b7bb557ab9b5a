package dev.quern.e2e;

import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.onnx.DataType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import tools.jackson.databind.JsonNode;

/**
 * Inputs for a model of which only the declarations are known: sizes from the command line, numbers
 * that any model of the usual kinds accepts, the same in each run.
 */
final class SyntheticInputs {
  /** Indices stay below this, so that small vocabularies do too. */
  private static final int MOST_INDEX = 100;

  private SyntheticInputs() {}

  /**
   * Makes all inputs.
   *
   * @param declared the SDK's list: name, type, dims
   * @param sizes values of named dimensions
   * @param batch size of a named first dimension that {@code sizes} lacks
   * @param sequence size of any other
   */
  static Map<String, TensorData> of(
      JsonNode declared, Map<String, Integer> sizes, int batch, int sequence) {
    Map<String, TensorData> inputs = new LinkedHashMap<>();
    Random random = new Random(1);
    for (JsonNode input : declared) {
      List<Long> shape = new ArrayList<>();
      for (JsonNode dim : input.get("dims")) {
        int other = shape.isEmpty() ? batch : sequence;
        shape.add(dim.isNumber() ? dim.asLong() : (long) sizes.getOrDefault(dim.asString(), other));
      }
      String name = input.get("name").asString();
      inputs.put(name, tensor(name, Harness.type(input.get("type").asString()), shape, random));
    }
    return inputs;
  }

  private static TensorData tensor(String name, DataType type, List<Long> shape, Random random) {
    int count = Math.toIntExact(shape.stream().reduce(1L, Math::multiplyExact));
    String lower = name.toLowerCase(Locale.ROOT);
    boolean mask = lower.contains("mask");
    boolean kind = lower.contains("type");
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(count, type.bytes())).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      int index = mask ? 1 : kind ? 0 : random.nextInt(MOST_INDEX);
      float number = mask ? 1 : random.nextFloat() * 2 - 1;
      switch (type) {
        case FLOAT -> bytes.putFloat(number);
        case DOUBLE -> bytes.putDouble(number);
        case FLOAT16 -> bytes.putShort(Float.floatToFloat16(number));
        case BOOL -> bytes.put((byte) 1);
        case INT8, UINT8 -> bytes.put((byte) index);
        case INT16, UINT16 -> bytes.putShort((short) index);
        case INT32, UINT32 -> bytes.putInt(index);
        case INT64, UINT64 -> bytes.putLong(index);
        default ->
            throw new CommandException(
                "the input '" + name + "' is " + type.label() + ", which profile cannot make up");
      }
    }
    return new TensorData(type, shape, bytes.array());
  }
}
