package dev.quern.reference;

import dev.quern.graph.Node;
import dev.quern.graph.Value;
import dev.quern.onnx.DataType;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A table of scalar kernels: one row an operator of the canonical graph, such as {@code
 * quern.MatMul} or {@code Softmax}. As with the operators that are imported, an engine that makes
 * only the smaller table is compiled without the other's kernels.
 */
public final class ReferenceKernels {
  /** Computes a node's only output. */
  @FunctionalInterface
  interface Kernel {
    Tensor run(Interpreter.Call call);
  }

  private final Map<String, Kernel> rows = new LinkedHashMap<>();

  private ReferenceKernels() {}

  /** What exporters leave to be computed of constants alone. */
  public static ReferenceKernels folding() {
    ReferenceKernels table = new ReferenceKernels();
    table.addFolding();
    return table;
  }

  /** A kernel for every canonical operator. */
  public static ReferenceKernels all() {
    ReferenceKernels table = new ReferenceKernels();
    table.addFolding();
    table.addOthers();
    return table;
  }

  private void addFolding() {
    rows.put(
        "quern.Elementwise",
        call -> Elementwise.run(call.node().program("program"), call.inputs(), call.dims()));
    rows.put("quern.Widen", call -> call.input(0).relabelled(DataType.FLOAT));
    rows.put("quern.Dequantize", QuantKernels::dequantize);
    rows.put("Transpose", MovementKernels::transpose);
    rows.put("Slice", MovementKernels::slice);
    rows.put("Concat", MovementKernels::concat);
    rows.put("Expand", MovementKernels::expand);
    rows.put("Reshape", call -> call.input(0).reshaped(call.dims()));
  }

  private void addOthers() {
    rows.put("quern.MatMul", MatrixKernels::matMul);
    rows.put("quern.MatMulInteger", QuantKernels::matMulInteger);
    rows.put("quern.DynamicQuantize", QuantKernels::dynamicQuantize);
    rows.put("quern.Attention", MatrixKernels::attention);
    rows.put("quern.Recurrent", SteppedKernel::run);
    rows.put("quern.Iota", IndexKernels::iota);
    rows.put("quern.Conv", ImageKernels::conv);
    rows.put("quern.MaxPool", ImageKernels::maxPool);
    rows.put("quern.AveragePool", ImageKernels::averagePool);
    rows.put("Softmax", RowKernels::softmax);
    rows.put("LogSoftmax", RowKernels::logSoftmax);
    rows.put("LayerNormalization", RowKernels::layerNormalization);
    for (String op : RowKernels.REDUCTIONS) {
      rows.put(op, RowKernels::reduce);
    }
    rows.put("Pad", MovementKernels::pad);
    rows.put("Gather", MovementKernels::gather);
    rows.putAll(HostKernels.all());
  }

  /** Whether there is a kernel for an operator. */
  public boolean has(String operator) {
    return rows.containsKey(operator);
  }

  /**
   * Computes one node.
   *
   * @param operands in the node's order; {@code null} where an optional one is absent
   * @param output the type and shape of the result
   * @param symbols what the symbols stand for
   */
  public Tensor evaluate(Node node, Tensor[] operands, Value output, Map<String, Long> symbols) {
    Kernel kernel = rows.get(node.operator());
    if (kernel == null) {
      throw new IllegalStateException("there is no kernel for " + node.operator());
    }
    List<Tensor> inputs = Arrays.asList(operands);
    long[] dims = dims(node, output, symbols);
    return kernel.run(new Interpreter.Call(node, inputs, output.type(), dims, symbols));
  }

  private static long[] dims(Node node, Value output, Map<String, Long> symbols) {
    List<Long> counted = node.ints("counted");
    long[] dims = new long[output.shape().rank()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = counted.contains((long) i) ? -1 : output.shape().dim(i).evaluate(symbols);
    }
    return dims;
  }
}
