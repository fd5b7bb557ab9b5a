package dev.quern.server.intake;

import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.Halves;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.OnnxValue;
import dev.quern.onnx.OnnxValue.OnnxDim;
import dev.quern.reference.Tensor;
import dev.quern.server.weights.ImportException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * Inputs of which only the declarations are known, the same in each run: reals from -1 to 1, whole
 * numbers below the length of the table that they are looked up in, otherwise 1, as masks want it.
 */
public final class MadeUpInputs {
  /** Sizes that named dimensions get, tried in this order; images want the larger ones. */
  static final int[] SIZES = {16, 32, 64, 224, 1};

  private static final long SEED = 1;

  /** Operators that change neither which numbers there are nor their order. */
  private static final Set<String> PASSING =
      Set.of("Cast", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Identity");

  private final List<OnnxValue> inputs;
  private final Map<String, Integer> sizes;
  private final Map<String, Long> bounds = new HashMap<>();

  /**
   * Looks at a model.
   *
   * @param inputs what a run is given
   * @param sizes numbers for named dimensions
   */
  public MadeUpInputs(OnnxModel model, List<OnnxValue> inputs, Map<String, Integer> sizes) {
    this.inputs = inputs;
    this.sizes = sizes;
    Set<String> known = symbols();
    for (String name : sizes.keySet()) {
      if (!known.contains(name)) {
        throw new ImportException("--size: the model has no size '" + name + "', but " + known);
      }
    }
    findTables(model.graph());
  }

  /** The names of the sizes that a run chooses; one without a name is called by its place. */
  Set<String> symbols() {
    Set<String> names = new LinkedHashSet<>();
    for (OnnxValue input : inputs) {
      List<OnnxDim> dims = input.dims().orElse(List.of());
      for (int i = 0; i < dims.size(); i++) {
        if (dims.get(i).value() < 0) {
          names.add(symbol(input, i));
        }
      }
    }
    return names;
  }

  String anySymbol() {
    return symbols().stream().findFirst().orElse("NAME");
  }

  private static String symbol(OnnxValue input, int axis) {
    String name = input.dims().orElseThrow().get(axis).symbol();
    return name.isEmpty() || name.equals("?") ? input.name() + "." + axis : name;
  }

  /** Finds which inputs are indices into constant tables, and how long these are. */
  private void findTables(OnnxGraph graph) {
    Map<String, long[]> tables = new HashMap<>();
    graph.initializers().forEach(tensor -> tables.put(tensor.name(), tensor.dims()));
    Map<String, String> sources = new HashMap<>();
    inputs.forEach(input -> sources.put(input.name(), input.name()));
    for (OnnxNode node : graph.nodes()) {
      if (node.attributes().get("value") instanceof OnnxAttribute.Tensor(OnnxTensor tensor)) {
        tables.put(node.outputs().getFirst(), tensor.dims());
      }
      List<String> operands = node.inputs();
      if (PASSING.contains(node.op()) && sources.containsKey(operands.getFirst())) {
        sources.put(node.outputs().getFirst(), sources.get(operands.getFirst()));
      }
      if (node.op().equals("Gather") && operands.size() == 2) {
        long[] table = tables.get(operands.get(0));
        long axis =
            node.attributes().get("axis") instanceof OnnxAttribute.Int(long value) ? value : 0;
        if (table != null && table.length > 0) {
          bound(sources.get(operands.get(1)), table[(int) (axis < 0 ? axis + table.length : axis)]);
        }
      } else if (node.op().equals("EmbedLayerNormalization")) {
        // Ids of words and of segments, and their tables.
        for (int i = 0; i < 2; i++) {
          long[] table = tables.get(operands.get(i == 0 ? 2 : 4));
          if (table != null && table.length > 0) {
            bound(sources.get(operands.get(i)), table[0]);
          }
        }
      }
    }
  }

  private void bound(String input, long length) {
    if (input != null) {
      bounds.merge(input, length, Math::min);
    }
  }

  /** All inputs, with a size for named dimensions that have none of their own. */
  public Map<String, Tensor> of(int size) {
    Random random = new Random(SEED);
    Map<String, Tensor> result = new LinkedHashMap<>();
    for (OnnxValue input : inputs) {
      List<OnnxDim> declared = input.dims().orElse(List.of());
      long[] dims = new long[declared.size()];
      for (int i = 0; i < dims.length; i++) {
        long fixed = declared.get(i).value();
        dims[i] = fixed >= 0 ? fixed : size(symbol(input, i), i, size);
      }
      result.put(input.name(), tensor(input, dims, random));
    }
    return result;
  }

  /**
   * The number for a named size: 1 for a batch, and for what came before; exporters write sums with
   * a plus, or call them total.
   */
  private long size(String symbol, int axis, int size) {
    Integer given = sizes.get(symbol);
    if (given != null) {
      return given;
    }
    int plus = symbol.indexOf('+');
    if (plus > 0) {
      return size(symbol.substring(0, plus).strip(), 1, size)
          + size(symbol.substring(plus + 1).strip(), 1, size);
    }
    String lower = symbol.toLowerCase(Locale.ROOT);
    if (!lower.isEmpty() && lower.chars().allMatch(Character::isDigit)) {
      return Long.parseLong(lower);
    }
    if (lower.contains("total")) {
      return 1L + size;
    }
    boolean one = lower.contains("batch") || lower.contains("past") || axis == 0;
    return one ? 1 : size;
  }

  private Tensor tensor(OnnxValue input, long[] dims, Random random) {
    DataType type = input.type();
    int count = Math.toIntExact(Arrays.stream(dims).reduce(1, Math::multiplyExact));
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(count, type.bytes())).order(ByteOrder.LITTLE_ENDIAN);
    int bound = (int) Math.min(Integer.MAX_VALUE, bounds.getOrDefault(input.name(), 0L));
    for (int i = 0; i < count; i++) {
      int whole = bound > 0 ? random.nextInt(bound) : 1;
      float real = random.nextFloat() * 2 - 1;
      switch (type) {
        case FLOAT -> bytes.putFloat(real);
        case DOUBLE -> bytes.putDouble(real);
        case FLOAT16, BFLOAT16 -> bytes.putShort((short) Halves.bits(type, real));
        case BOOL, INT8, UINT8 -> bytes.put((byte) whole);
        case INT16, UINT16 -> bytes.putShort((short) whole);
        case INT32, UINT32 -> bytes.putInt(whole);
        case INT64, UINT64 -> bytes.putLong(whole);
        default -> throw new ImportException("the input '" + input.name() + "' is " + type.label());
      }
    }
    return Tensor.fromBytes(type, Bytes.of(bytes.array()), dims);
  }
}
