package dev.quern.e2e.models;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.lite.schema.Buffer;
import org.tensorflow.lite.schema.BuiltinOperator;
import org.tensorflow.lite.schema.BuiltinOptions;
import org.tensorflow.lite.schema.Model;
import org.tensorflow.lite.schema.Operator;
import org.tensorflow.lite.schema.OperatorCode;
import org.tensorflow.lite.schema.SignatureDef;
import org.tensorflow.lite.schema.SubGraph;
import org.tensorflow.lite.schema.Tensor;
import org.tensorflow.lite.schema.TensorMap;
import org.tensorflow.lite.schema.TensorType;

/**
 * The encoding of a {@code .tflite} file: FlatBuffers tables of one subgraph, appended as they
 * come. What operators mean, and their shapes, is {@link TfliteBuilder}'s.
 */
final class TfliteFile {
  private static final int SCHEMA_VERSION = 3;

  /** XNNPACK reads whole vectors; the schema asks for 16 bytes as well. */
  private static final int ALIGNMENT = 16;

  /** What tables, names and alignment take besides the weights; the builder grows if it is more. */
  private static final int TABLE_BYTES = 1 << 20;

  /** A tensor's place in the subgraph's list, and its shape. */
  record Value(int index, String name, List<Integer> shape) {
    int dim(int axis) {
      return shape.get(axis);
    }
  }

  private final FlatBufferBuilder flat;
  private final List<Integer> buffers = new ArrayList<>();
  private final List<Integer> tensors = new ArrayList<>();
  private final List<Integer> operators = new ArrayList<>();
  private final Map<TfliteOp, Integer> codes = new EnumMap<>(TfliteOp.class);
  private final List<Integer> codeTables = new ArrayList<>();
  private final List<Value> inputs = new ArrayList<>();

  /**
   * @param weightBytes what the constants take, so that the file is not copied as it grows
   */
  TfliteFile(int weightBytes) {
    flat = new FlatBufferBuilder(weightBytes + TABLE_BYTES);
    // Buffer 0 is empty by convention: tensors that are no constants name it.
    buffers.add(Buffer.createBuffer(flat, 0));
  }

  /** For the creation of an operator's options. */
  FlatBufferBuilder flat() {
    return flat;
  }

  Value input(String name, byte type, List<Integer> shape) {
    Value value = tensor(name, type, shape, 0);
    inputs.add(value);
    return value;
  }

  /** A tensor that an operator computes. */
  Value computed(String name, List<Integer> shape) {
    return tensor(name, TensorType.FLOAT32, shape, 0);
  }

  Value constant(String name, float[] values, List<Integer> shape) {
    ByteBuffer data = flat.createUnintializedVector(1, 4 * values.length, ALIGNMENT);
    data.asFloatBuffer().put(values);
    return constant(name, TensorType.FLOAT32, flat.endVector(), shape);
  }

  Value constant(String name, int[] values, List<Integer> shape) {
    ByteBuffer data = flat.createUnintializedVector(1, 4 * values.length, ALIGNMENT);
    data.asIntBuffer().put(values);
    return constant(name, TensorType.INT32, flat.endVector(), shape);
  }

  private Value constant(String name, byte type, int data, List<Integer> shape) {
    buffers.add(Buffer.createBuffer(flat, data));
    return tensor(name, type, shape, buffers.size() - 1);
  }

  private Value tensor(String name, byte type, List<Integer> shape, int buffer) {
    int dims = Tensor.createShapeVector(flat, ints(shape));
    int label = flat.createString(name);
    Tensor.startTensor(flat);
    Tensor.addShape(flat, dims);
    Tensor.addType(flat, type);
    Tensor.addBuffer(flat, buffer);
    Tensor.addName(flat, label);
    tensors.add(Tensor.endTensor(flat));
    return new Value(tensors.size() - 1, name, List.copyOf(shape));
  }

  /**
   * An operator.
   *
   * @param inputs tensors' indices; -1 where an optional one is left out
   * @param optionsType a number of {@link BuiltinOptions}; 0 where there are none
   * @param options the table of that type
   */
  void operator(TfliteOp op, int[] inputs, Value output, byte optionsType, int options) {
    int code = codes.computeIfAbsent(op, this::code);
    int ins = Operator.createInputsVector(flat, inputs);
    int outs = Operator.createOutputsVector(flat, new int[] {output.index()});
    operators.add(
        Operator.createOperator(flat, code, ins, outs, optionsType, options, 0, (byte) 0, 0, 0));
  }

  private int code(TfliteOp op) {
    // Old readers know the first 127 operators only, by a byte.
    byte old = (byte) Math.min(op.code(), BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES);
    codeTables.add(OperatorCode.createOperatorCode(flat, old, 0, op.version(), op.code()));
    return codeTables.size() - 1;
  }

  /** The file, with one signature whose names are those of the tensors. */
  byte[] bytes(String description, Value output) {
    int graph = subgraph(output);
    int signature = signature(output);
    int text = flat.createString(description);
    int codeVector = Model.createOperatorCodesVector(flat, ints(codeTables));
    int graphs = Model.createSubgraphsVector(flat, new int[] {graph});
    int bufferVector = Model.createBuffersVector(flat, ints(buffers));
    int signatures = Model.createSignatureDefsVector(flat, new int[] {signature});
    int model =
        Model.createModel(
            flat, SCHEMA_VERSION, codeVector, graphs, text, bufferVector, 0, 0, signatures);
    Model.finishModelBuffer(flat, model);
    return flat.sizedByteArray();
  }

  private int subgraph(Value output) {
    int name = flat.createString("main");
    int tensorVector = SubGraph.createTensorsVector(flat, ints(tensors));
    int ins = SubGraph.createInputsVector(flat, inputs.stream().mapToInt(Value::index).toArray());
    int outs = SubGraph.createOutputsVector(flat, new int[] {output.index()});
    int operatorVector = SubGraph.createOperatorsVector(flat, ints(operators));
    return SubGraph.createSubGraph(flat, tensorVector, ins, outs, operatorVector, name);
  }

  private int signature(Value output) {
    int ins =
        SignatureDef.createInputsVector(flat, ints(inputs.stream().map(this::named).toList()));
    int outs = SignatureDef.createOutputsVector(flat, new int[] {named(output)});
    int key = flat.createString("serving_default");
    return SignatureDef.createSignatureDef(flat, ins, outs, key, 0);
  }

  private int named(Value value) {
    return TensorMap.createTensorMap(flat, flat.createString(value.name()), value.index());
  }

  private static int[] ints(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }
}
