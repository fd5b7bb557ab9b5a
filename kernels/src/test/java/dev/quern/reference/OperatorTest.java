package dev.quern.reference;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each operator against ONNX Runtime. */
class OperatorTest {
  /** One model of a single node, with run-time inputs and constant ones. */
  record Case(
      String title,
      int opset,
      String op,
      List<Object> inputs,
      Object[] attributes,
      int outputs,
      double tolerance) {
    byte[] model() {
      return model(true);
    }

    /** The model, in which half of the inputs' axes may be symbols. */
    byte[] model(boolean symbols) {
      ModelBuilder model = new ModelBuilder(opset);
      List<String> names = new ArrayList<>();
      for (int i = 0; i < inputs.size(); i++) {
        String name = "x" + i;
        switch (inputs.get(i)) {
          case Tensor tensor -> {
            String[] dims = new String[tensor.rank()];
            for (int j = 0; j < dims.length; j++) {
              boolean symbolic =
                  symbols && (i + j) % 2 == 0 && tensor.dims()[j] > 1 && mayBeSymbol(tensor, j);
              dims[j] = symbolic ? "d" + tensor.dims()[j] : Long.toString(tensor.dims()[j]);
            }
            model.input(name, tensor.type(), dims);
          }
          case TensorProto constant -> model.constant(name, constant);
          default -> name = "";
        }
        names.add(name);
      }
      List<String> results = new ArrayList<>();
      for (int i = 0; i < outputs; i++) {
        results.add("y" + i);
        model.output("y" + i, DataType.UNDEFINED);
      }
      model.node(op, names, results, attributes);
      model.graph().getOutputBuilderList().forEach(o -> o.clearType());
      return model.build();
    }

    /** Batches and times of attention change; heads and their sizes do not. */
    private boolean mayBeSymbol(Tensor tensor, int axis) {
      boolean fixed = op.contains("Attention") || op.contains("Rotary") || op.contains("Embed");
      return !fixed || axis == 0 || axis == tensor.rank() - 2;
    }

    Map<String, Tensor> feeds() {
      Map<String, Tensor> feeds = new LinkedHashMap<>();
      for (int i = 0; i < inputs.size(); i++) {
        if (inputs.get(i) instanceof Tensor tensor) {
          feeds.put("x" + i, tensor);
        }
      }
      return feeds;
    }

    @Override
    public String toString() {
      return op + " " + opset + " " + title;
    }
  }

  private static final List<Case> CASES = new ArrayList<>();
  private static final String ABSENT = "";

  private static Case add(
      String title, int opset, String op, List<Object> inputs, Object... attributes) {
    Case made = new Case(title, opset, op, inputs, attributes, 1, 2e-6);
    CASES.add(made);
    return made;
  }

  private static Tensor f32(long... dims) {
    return Tensors.random(Arrays.hashCode(dims) + CASES.size(), DataType.FLOAT, dims);
  }

  private static Tensor f64(long... dims) {
    return Tensors.random(CASES.size(), DataType.DOUBLE, dims);
  }

  private static Tensor i64(long... dims) {
    return Tensors.random(CASES.size() + dims.length, DataType.INT64, dims);
  }

  private static Tensor i32(long... dims) {
    return Tensors.random(CASES.size() + dims.length, DataType.INT32, dims);
  }

  private static Tensor bool(long... dims) {
    return Tensors.random(CASES.size() + dims.length, DataType.BOOL, dims);
  }

  private static TensorProto ints(long... values) {
    return ModelBuilder.tensor(values, values.length);
  }

  private static TensorProto scales(float... values) {
    return ModelBuilder.tensor(values, values.length);
  }

  private static TensorProto scalar(float value) {
    return ModelBuilder.tensor(new float[] {value});
  }

  /** NaN, infinities, zeros of both signs, halves, tiny and huge numbers. */
  private static final float[] ODD = {
    Float.NaN,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    0f,
    -0f,
    0.5f,
    -0.5f,
    1.5f,
    2.5f,
    -2.5f,
    1e-30f,
    -1e-30f,
    3e38f,
    -3e38f,
    88.8f,
    -88.8f,
    1f,
    -1f,
    7f,
    0.49999997f,
    8388609f,
    3.5f
  };

  private static Tensor odd() {
    return Tensor.of(Arrays.copyOf(ODD, ODD.length), ODD.length);
  }

  private static Tensor oddColumn() {
    return Tensor.of(Arrays.copyOf(ODD, ODD.length), ODD.length, 1);
  }

  private static Tensor positive(Tensor x) {
    for (int i = 0; i < x.size(); i++) {
      x.floats()[i] = Math.abs(x.floats()[i]);
    }
    return x;
  }

  private static Tensor nonZero(Tensor x) {
    for (int i = 0; i < x.size(); i++) {
      if (x.type() == DataType.INT64 && x.longs()[i] == 0) {
        x.longs()[i] = 3;
      } else if (x.type() == DataType.INT32 && x.ints()[i] == 0) {
        x.ints()[i] = 3;
      }
    }
    return x;
  }

  static {
    elementwise();
    matrices();
    rows();
    reductions();
    movement();
    shapes();
    quantised();
    images();
    pads();
  }

  private static void elementwise() {
    for (String op : List.of("Add", "Sub", "Mul", "Div", "Min", "Max", "Pow")) {
      add("broadcast", 13, op, List.of(positive(f32(3, 1, 5)), f32(4, 1)));
      add("scalar", 13, op, List.of(positive(f32(3, 7)), scalar(1.75f)));
      add("scalars", 13, op, List.of(positive(f32()), f32()));
      add("empty", 13, op, List.of(f32(0, 7), f32(7)));
      add("odd", 13, op, List.of(odd(), oddColumn()));
    }
    for (String op : List.of("Add", "Sub", "Mul", "Div", "Min", "Max")) {
      add("f64", 13, op, List.of(f64(3, 5), f64(5)));
      add("i64", 13, op, List.of(i64(3, 300), nonZero(i64(300))));
      add("i32", 13, op, List.of(i32(3, 300), nonZero(i32(300))));
    }
    add("three", 13, "Max", List.of(f32(3, 1), f32(4), f32(2, 1, 1)));
    add("one", 13, "Min", List.of(f32(3)));
    add("integer exponent", 13, "Pow", List.of(f32(9), i64(9)));
    add("integers", 13, "Pow", List.of(i64(9), Tensors.indices(1, 5, 9)));
    add("i64", 13, "Mod", List.of(i64(300), nonZero(i64(2, 300))));
    add("i64 fmod", 13, "Mod", List.of(i64(300), nonZero(i64(2, 300))), "fmod", 1);
    add("f32 fmod", 13, "Mod", List.of(f32(300), f32(2, 300)), "fmod", 1);
    List<String> unary =
        List.of(
            "Neg",
            "Abs",
            "Sqrt",
            "Reciprocal",
            "Exp",
            "Log",
            "Erf",
            "Tanh",
            "Sigmoid",
            "Relu",
            "LeakyRelu",
            "HardSigmoid",
            "HardSwish",
            "Softplus",
            "Floor",
            "Ceil",
            "Round",
            "Sign",
            "Clip");
    for (String op : unary) {
      add("random", 14, op, List.of(f32(3, 5, 77)));
      add("scalar", 14, op, List.of(f32()));
      add("empty", 14, op, List.of(f32(3, 0)));
      add("odd", 14, op, List.of(odd()));
    }
    for (String op : List.of("Neg", "Abs", "Sign")) {
      add("i64", 13, op, List.of(i64(9)));
    }
    add("alpha", 13, "LeakyRelu", List.of(f32(9)), "alpha", 0.3f);
    add("alpha beta", 13, "HardSigmoid", List.of(f32(9)), "alpha", 0.3f, "beta", 0.1f);
    add("erf", 20, "Gelu", List.of(f32(3, 77)));
    add("tanh", 20, "Gelu", List.of(f32(3, 77)), "approximate", "tanh");
    add("attributes", 7, "Clip", List.of(f32(40)), "min", -0.5f, "max", 0.25f);
    add("minimum attribute", 7, "Clip", List.of(f32(40)), "min", -0.5f);
    add("inputs", 13, "Clip", List.of(f32(40), scalar(-0.5f), scalar(0.5f)));
    add("maximum", 13, "Clip", List.of(f32(40), ABSENT, scalar(0.5f)));
    add("run-time limit", 13, "Clip", List.of(f32(40), f32()));
    for (String op : List.of("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")) {
      add("f32", 16, op, List.of(odd(), oddColumn()));
      add("i64", 16, op, List.of(i64(50), i64(2, 1)));
      add("i32", 16, op, List.of(i32(50), i32(2, 1)));
    }
    add("bool", 16, "Equal", List.of(bool(50), bool(2, 1)));
    for (String op : List.of("And", "Or", "Xor")) {
      add("bool", 13, op, List.of(bool(50), bool(2, 1)));
    }
    add("bool", 13, "Not", List.of(bool(50)));
    add("f32", 16, "Where", List.of(bool(5, 1), f32(7), f32(5, 7)));
    add("i64", 16, "Where", List.of(bool(5, 1), i64(7), i64(5, 7)));
    add("f32 to i64", 13, "Cast", List.of(f32(40)), "to", 7);
    add("f32 to bool", 13, "Cast", List.of(odd()), "to", 9);
    add("f32 to f64", 13, "Cast", List.of(odd()), "to", 11);
    add("f64 to f32", 13, "Cast", List.of(f64(40)), "to", 1);
    add(
        "i64 to f32",
        13,
        "Cast",
        List.of(Tensor.of(new long[] {0, -7, (1L << 62) + 1, 16777217}, 4)),
        "to",
        1);
    add("i64 to i32", 13, "Cast", List.of(i64(40)), "to", 6);
    add("i64 to bool", 13, "Cast", List.of(i64(40)), "to", 9);
    add("bool to f32", 13, "Cast", List.of(bool(40)), "to", 1);
    add("u8 to f32", 13, "Cast", List.of(Tensors.random(1, DataType.UINT8, 9)), "to", 1);
    add(
        "i8 to i64",
        13,
        "Cast",
        List.of(Tensor.of(DataType.INT8, new byte[] {-128, 3}, 2)),
        "to",
        7);
    add("same", 13, "Cast", List.of(f32(40)), "to", 1);
  }

  private static void matrices() {
    add("plain", 13, "MatMul", List.of(f32(5, 7), f32(7, 3)));
    add("f64", 13, "MatMul", List.of(f64(5, 7), f64(7, 3)));
    add("batch", 13, "MatMul", List.of(f32(2, 3, 5, 7), f32(2, 3, 7, 4)));
    add("batch broadcast", 13, "MatMul", List.of(f32(2, 1, 5, 7), f32(3, 7, 4)));
    add("weights", 13, "MatMul", List.of(f32(2, 3, 7), f32(7, 4)));
    add("vector left", 13, "MatMul", List.of(f32(7), f32(2, 7, 4)));
    add("vector right", 13, "MatMul", List.of(f32(2, 5, 7), f32(7)));
    add("vectors", 13, "MatMul", List.of(f32(7), f32(7)));
    add(
        "constant vector",
        13,
        "MatMul",
        List.of(f32(2, 3), ModelBuilder.tensor(new float[] {1, 2, 3}, 3)));
    add("no rows", 13, "MatMul", List.of(f32(0, 7), f32(7, 3)));
    add("no depth", 13, "MatMul", List.of(f32(4, 0), f32(0, 3)));
    add("infinite", 13, "MatMul", List.of(oddColumn(), f32(1, 3)));
    add("plain", 13, "Gemm", List.of(f32(5, 7), f32(7, 3)));
    add(
        "all",
        13,
        "Gemm",
        List.of(f32(7, 5), f32(3, 7), f32(3)),
        "transA",
        1,
        "transB",
        1,
        "alpha",
        0.5f,
        "beta",
        2f);
    add("column", 13, "Gemm", List.of(f32(5, 7), f32(7, 3), f32(5, 1)), "beta", -1f);
    add("scalar", 13, "Gemm", List.of(f32(5, 7), f32(7, 3), f32()), "alpha", 2f);
    add("no beta", 13, "Gemm", List.of(f32(5, 7), f32(7, 3), f32(5, 3)), "beta", 0f);
  }

  private static void rows() {
    for (String op : List.of("Softmax", "LogSoftmax")) {
      add("last", 13, op, List.of(f32(3, 5, 33)));
      add("middle", 13, op, List.of(f32(3, 5, 4)), "axis", 1);
      add("first", 13, op, List.of(f32(3, 5)), "axis", 0);
      add("vector", 13, op, List.of(f32(9)));
      add("flattened", 11, op, List.of(f32(3, 5, 4)));
      add("flattened last", 11, op, List.of(f32(3, 5, 4)), "axis", 2);
      add("flattened all", 11, op, List.of(f32(3, 5, 4)), "axis", 0);
      add("one column", 13, op, List.of(f32(3, 1)));
      add("empty", 13, op, List.of(f32(0, 3)));
      Tensor infinite = f32(2, 3);
      Arrays.fill(infinite.floats(), 0, 4, Float.NEGATIVE_INFINITY);
      add("minus infinity", 13, op, List.of(infinite));
      add(
          "large",
          13,
          op,
          List.of(Tensor.of(new float[] {1e30f, 1e30f, -1e30f, 100, 200, 300}, 2, 3)));
    }
    add("last", 17, "LayerNormalization", List.of(f32(3, 5, 33), f32(33), f32(33)));
    add("no bias", 17, "LayerNormalization", List.of(f32(3, 33), f32(33)), "epsilon", 0.1f);
    add(
        "two axes",
        17,
        "LayerNormalization",
        List.of(f32(3, 5, 7), f32(5, 7), f32(5, 7)),
        "axis",
        1);
    add(
        "constant row",
        17,
        "LayerNormalization",
        List.of(Tensor.of(new float[] {3, 3, 3}, 1, 3), f32(3), f32(3)));
  }

  private static void reductions() {
    for (String op : List.of("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd")) {
      int asInput = op.equals("ReduceSum") ? 13 : 18;
      int before = op.equals("ReduceSum") ? 11 : 13;
      add("attribute", before, op, List.of(f32(3, 5, 7)), "axes", new long[] {-1});
      add("attribute all", before, op, List.of(f32(3, 5, 7)));
      add(
          "attribute two",
          before,
          op,
          List.of(f32(3, 5, 7)),
          "axes",
          new long[] {0, 2},
          "keepdims",
          0);
      add("input", asInput, op, List.of(f32(3, 5, 7), ints(1)));
      add("input dropped", asInput, op, List.of(f32(3, 5, 7), ints(-1, 0)), "keepdims", 0);
      add("input all", asInput, op, List.of(f32(3, 5, 7)), "keepdims", 0);
      add("input none", asInput, op, List.of(f32(3, 5), ints()), "noop_with_empty_axes", 1);
      add("f64", before, op, List.of(f64(3, 5)), "axes", new long[] {1});
      if (!op.equals("ReduceMean")) {
        add("i64", before, op, List.of(i64(3, 5)), "axes", new long[] {1});
        add("i32", before, op, List.of(i32(3, 5)), "axes", new long[] {0});
      }
    }
    for (String op : List.of("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin")) {
      add(
          "infinite",
          13,
          op.equals("ReduceSum") ? "ReduceMean" : op,
          List.of(
              Tensor.of(
                  new float[] {1, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 2}, 2, 2)),
          "axes",
          new long[] {1});
    }
    add("no rows", 13, "ReduceMax", List.of(f32(0, 5)), "axes", new long[] {1});
    add("sum of none", 13, "ReduceSum", List.of(f32(3, 0), ints(1)));
  }

  private static void movement() {
    add("rows", 13, "Gather", List.of(f32(9, 4), Tensors.indices(1, 9, 2, 3)));
    add(
        "scalar",
        13,
        "Gather",
        List.of(f32(9, 4), ModelBuilder.tensor(new long[] {-1})),
        "axis",
        1);
    add("negative", 13, "Gather", List.of(f32(9, 4), ints(-1, 0, -9)));
    add("middle", 13, "Gather", List.of(f32(2, 9, 4), ints(3, 3, 1)), "axis", 1);
    add("i64", 13, "Gather", List.of(i64(9, 4), Tensors.indices(1, 4, 2)), "axis", -1);
    add("none", 13, "Gather", List.of(f32(9, 4), Tensor.of(new long[0], 0)));
    add("i32 indices", 13, "Gather", List.of(f32(9), Tensor.of(new int[] {3, -2}, 2)));
    add("reverse", 13, "Transpose", List.of(f32(2, 3, 4)));
    add("perm", 13, "Transpose", List.of(f32(2, 3, 4, 5)), "perm", new long[] {0, 2, 3, 1});
    add("i64", 13, "Transpose", List.of(i64(3, 4)), "perm", new long[] {1, 0});
    add("bool", 13, "Transpose", List.of(bool(3, 4)));
    add("scalar", 13, "Transpose", List.of(f32()));
    add(
        "attributes",
        9,
        "Slice",
        List.of(f32(5, 7)),
        "starts",
        new long[] {1, -3},
        "ends",
        new long[] {4, 1000},
        "axes",
        new long[] {0, 1});
    add(
        "attributes without axes",
        9,
        "Slice",
        List.of(f32(5, 7)),
        "starts",
        new long[] {1},
        "ends",
        new long[] {-1});
    add("inputs", 13, "Slice", List.of(f32(5, 7), ints(1, 2), ints(4, 6)));
    add("steps", 13, "Slice", List.of(f32(5, 7), ints(0), ints(Long.MAX_VALUE), ints(1), ints(3)));
    add(
        "backwards",
        13,
        "Slice",
        List.of(f32(5, 7), ints(-1), ints(Long.MIN_VALUE), ints(1), ints(-2)));
    add("backwards from 4", 13, "Slice", List.of(f32(5, 7), ints(4), ints(1), ints(-1), ints(-1)));
    add("empty", 13, "Slice", List.of(f32(5, 7), ints(4), ints(1)));
    add("beyond", 13, "Slice", List.of(f32(5, 7), ints(3), ints(100), ints(0)));
    add("i64", 13, "Slice", List.of(i64(5, 300), ints(3), ints(100), ints(1)));
    add("first axis", 13, "Concat", List.of(f32(2, 3), f32(1, 3), f32(4, 3)), "axis", 0);
    add("last axis", 13, "Concat", List.of(f32(2, 3), f32(2, 1)), "axis", -1);
    add("middle axis", 13, "Concat", List.of(f32(2, 3, 2), f32(2, 0, 2), f32(2, 5, 2)), "axis", 1);
    add("one", 13, "Concat", List.of(f32(2, 3)), "axis", 0);
    add("i64", 13, "Concat", List.of(i64(300), i64(4)), "axis", 0);
    CASES.add(new Case("equal", 13, "Split", List.of(f32(2, 6)), new Object[] {"axis", 1}, 3, 0));
    CASES.add(
        new Case(
            "attribute",
            11,
            "Split",
            List.of(f32(2, 6)),
            new Object[] {"axis", 1, "split", new long[] {1, 5}},
            2,
            0));
    CASES.add(
        new Case("input", 13, "Split", List.of(f32(6, 2), ints(2, 0, 4)), new Object[] {}, 3, 0));
    CASES.add(
        new Case("uneven", 18, "Split", List.of(f32(7, 2)), new Object[] {"num_outputs", 3}, 3, 0));
    add("new axes", 13, "Expand", List.of(f32(3, 1), ints(2, 1, 4)));
    add("smaller", 13, "Expand", List.of(f32(3, 4), ints(1)));
    add("scalar", 13, "Expand", List.of(f32(), ints(2, 3)));
    add("bool", 13, "Expand", List.of(bool(3, 1), ints(3, 4)));
  }

  private static void images() {
    long[] same = {1, 1, 1, 1};
    add("3x3", 13, "Conv", List.of(f32(2, 3, 7, 9), weights(f32(5, 3, 3, 3)), f32(5)));
    add("pointwise", 13, "Conv", List.of(f32(2, 3, 7, 9), weights(f32(5, 3, 1, 1)), f32(5)));
    add(
        "no bias",
        13,
        "Conv",
        List.of(f32(1, 3, 7, 9), weights(f32(5, 3, 1, 1))),
        "strides",
        pair(2, 3));
    add("padded", 13, "Conv", List.of(f32(1, 3, 7, 9), weights(f32(5, 3, 3, 3))), "pads", same);
    add(
        "all",
        11,
        "Conv",
        List.of(f32(1, 6, 11, 9), weights(f32(4, 3, 3, 2)), f32(4)),
        "kernel_shape",
        pair(3, 2),
        "group",
        2,
        "strides",
        pair(2, 1),
        "dilations",
        pair(1, 3),
        "pads",
        new long[] {2, 0, 1, 3});
    add(
        "depthwise",
        13,
        "Conv",
        List.of(f32(2, 5, 7, 8), weights(f32(5, 1, 3, 3)), f32(5)),
        "group",
        5);
    add("multiplied", 13, "Conv", List.of(f32(2, 3, 7, 8), weights(f32(6, 1, 3, 3))), "group", 3);
    for (String auto : List.of("SAME_UPPER", "SAME_LOWER", "VALID")) {
      for (int stride = 1; stride <= 3; stride++) {
        add(
            "auto " + auto + " " + stride,
            13,
            "Conv",
            List.of(f32(1, 2, 8, 9), weights(f32(3, 2, 3, 4))),
            "auto_pad",
            auto,
            "strides",
            pair(stride, 2));
      }
    }
    add(
        "line",
        13,
        "Conv",
        List.of(f32(2, 3, 17), weights(f32(5, 3, 3)), f32(5)),
        "pads",
        pair(2, 1));
    add("line depthwise", 13, "Conv", List.of(f32(2, 3, 17), weights(f32(3, 1, 4))), "group", 3);
    add("odd", 13, "Conv", List.of(oddImage(), weights(f32(2, 1, 2, 2))));
    add(
        "tiles",
        13,
        "ConvTranspose",
        List.of(f32(2, 3, 4, 5), weights(f32(3, 4, 2, 3)), f32(4)),
        "strides",
        pair(2, 3));
    add(
        "by whole factors",
        13,
        "Resize",
        List.of(f32(2, 3, 4, 5), ABSENT, scales(1, 1, 2, 3)),
        "mode",
        "nearest");
    for (String op : List.of("MaxPool", "AveragePool")) {
      Tensor x = f32(2, 3, 9, 8);
      add("plain", 13, op, List.of(x), "kernel_shape", pair(2, 3));
      add("strides", 13, op, List.of(x), "kernel_shape", pair(3, 2), "strides", pair(2, 2));
      add("padded", 13, op, List.of(x), "kernel_shape", pair(3, 3), "pads", same);
      add(
          "auto",
          13,
          op,
          List.of(x),
          "kernel_shape",
          pair(3, 3),
          "auto_pad",
          "SAME_UPPER",
          "strides",
          pair(2, 2));
      for (int size = 5; size <= 9; size++) {
        add(
            "rounded up " + size,
            13,
            op,
            List.of(f32(1, 2, size, 9)),
            "kernel_shape",
            pair(3, 3),
            "strides",
            pair(3, 2),
            "ceil_mode",
            1,
            "pads",
            new long[] {1, 0, 1, 1});
      }
      add("line", 13, op, List.of(f32(2, 3, 17)), "kernel_shape", new long[] {4});
      add("global", 13, "Global" + op, List.of(x));
      add("global line", 13, "Global" + op, List.of(f32(2, 3, 17)));
    }
    add(
        "dilated",
        13,
        "MaxPool",
        List.of(f32(1, 2, 9, 9)),
        "kernel_shape",
        pair(2, 3),
        "dilations",
        pair(3, 2));
    add(
        "padding counted",
        13,
        "AveragePool",
        List.of(f32(1, 2, 9, 9)),
        "kernel_shape",
        pair(3, 2),
        "count_include_pad",
        1,
        "pads",
        same);
    for (long[] shape : new long[][] {{2, 3}, {2, 3, 7}, {2, 3, 5, 7}}) {
      add(
          "rank " + shape.length,
          15,
          "BatchNormalization",
          List.of(f32(shape), f32(3), f32(3), f32(3), positive(f32(3))),
          "epsilon",
          0.01f);
    }
  }

  /** Weights are constants of a model. */
  private static TensorProto weights(Tensor tensor) {
    return ModelBuilder.raw(tensor.type(), tensor.toBytes(), tensor.dims());
  }

  private static long[] pair(long h, long w) {
    return new long[] {h, w};
  }

  private static Tensor oddImage() {
    float[] data = f32(1, 1, 5, 9).floats();
    data[3] = Float.NaN;
    data[20] = Float.POSITIVE_INFINITY;
    data[44] = Float.NEGATIVE_INFINITY;
    return Tensor.of(data, 1, 1, 5, 9);
  }

  private static void pads() {
    add("attributes", 7, "Pad", List.of(f32(2, 3)), "pads", new long[] {1, 0, 0, 2}, "value", 2f);
    add("zeros", 13, "Pad", List.of(f32(2, 3, 4), ints(0, 1, 2, 3, 0, 1)));
    add("value", 13, "Pad", List.of(f32(2, 3), ints(0, 1, 2, 3), scalar(-1.5f)));
    add("cut", 13, "Pad", List.of(f32(5, 6), ints(-1, 2, 1, -3), scalar(7f)));
    add("axes", 18, "Pad", List.of(f32(5, 6), ints(2, 1), ABSENT, ints(-1)));
    add(
        "i64",
        13,
        "Pad",
        List.of(i64(5, 60), ints(2, 1, 0, 0), ModelBuilder.tensor(new long[] {4})));
  }

  private static void shapes() {
    add("inferred", 13, "Reshape", List.of(f32(2, 6), ints(3, -1)));
    add("copied", 13, "Reshape", List.of(f32(2, 6), ints(0, 3, -1)));
    add("to scalar", 13, "Reshape", List.of(f32(1, 1), ints()));
    add("zeros", 14, "Reshape", List.of(f32(0, 6), ints(3, 0)), "allowzero", 1);
    add("axis 2", 13, "Flatten", List.of(f32(2, 3, 4)), "axis", 2);
    add("axis 0", 13, "Flatten", List.of(f32(2, 3, 4)), "axis", 0);
    add("axis -1", 13, "Flatten", List.of(f32(2, 3, 4)), "axis", -1);
    add("attribute", 11, "Squeeze", List.of(f32(2, 1, 3, 1)), "axes", new long[] {1});
    add("input", 13, "Squeeze", List.of(f32(2, 1, 3, 1), ints(-1)));
    add("attribute", 11, "Unsqueeze", List.of(f32(2, 3)), "axes", new long[] {0, 3});
    add("input", 13, "Unsqueeze", List.of(f32(2, 3), ints(-1)));
    add("f32", 13, "Identity", List.of(f32(2, 3)));
    add("inference", 13, "Dropout", List.of(f32(2, 3)));
    CASES.add(new Case("mask", 13, "Dropout", List.of(f32(2, 3)), new Object[] {}, 2, 0));
    add(
        "tensor",
        13,
        "Constant",
        List.of(),
        "value",
        ModelBuilder.tensor(new float[] {1, 2}, 2, 1));
    add("float", 13, "Constant", List.of(), "value_float", 1.5f);
    add("int", 13, "Constant", List.of(), "value_int", 5);
    add("ints", 13, "Constant", List.of(), "value_ints", new long[] {5, -6});
    add("floats", 13, "Constant", List.of(), "value_floats", new float[] {5, -6});
    add("zeros", 13, "ConstantOfShape", List.of(ints(2, 3)));
    add(
        "ones",
        13,
        "ConstantOfShape",
        List.of(ints(4)),
        "value",
        ModelBuilder.tensor(new long[] {1}, 1));
    add("scalar", 13, "ConstantOfShape", List.of(ints()));
    add("all", 13, "Shape", List.of(Tensor.of(new float[6], 1, 6)));
    add("part", 15, "Shape", List.of(Tensor.of(new float[1], 1, 1, 1)), "start", -2, "end", 2);
    add("all", 13, "Size", List.of(Tensor.of(new float[1], 1, 1)));
    add(
        "i64",
        13,
        "Range",
        List.of(
            ModelBuilder.tensor(new long[] {3}),
            ModelBuilder.tensor(new long[] {10}),
            ModelBuilder.tensor(new long[] {2})));
    add(
        "i64 down",
        13,
        "Range",
        List.of(
            ModelBuilder.tensor(new long[] {3}),
            ModelBuilder.tensor(new long[] {-10}),
            ModelBuilder.tensor(new long[] {-1})));
    add(
        "long",
        13,
        "Range",
        List.of(
            ModelBuilder.tensor(new long[] {0}),
            ModelBuilder.tensor(new long[] {1000}),
            ModelBuilder.tensor(new long[] {1})));
    add("f32", 13, "Range", List.of(scalar(0.5f), scalar(3), scalar(0.7f)));
  }

  private static TensorProto bytes(DataType type, long[] dims, int... values) {
    byte[] data = new byte[values.length];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) values[i];
    }
    return ModelBuilder.raw(type, data, dims);
  }

  private static Tensor whole(DataType type, int... values) {
    byte[] data = new byte[values.length];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) values[i];
    }
    return Tensor.of(type, data, values.length);
  }

  private static void quantised() {
    DataType u8 = DataType.UINT8;
    DataType i8 = DataType.INT8;
    long[] scalar = {};
    Tensor odd =
        Tensor.of(new float[] {0, -0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 1e9f, -1e9f, 127.5f}, 10);
    TensorProto one = scalar(1);
    add("u8", 13, "QuantizeLinear", List.of(odd, one, bytes(u8, scalar, 3)));
    add("i8", 13, "QuantizeLinear", List.of(odd, one, bytes(i8, scalar, -3)));
    add("no zero point", 13, "QuantizeLinear", List.of(f32(3, 5), scalar(0.02f)));
    TensorProto three = ModelBuilder.tensor(new float[] {0.1f, 0.03f, 0.5f}, 3);
    TensorProto zeros = bytes(i8, new long[] {3}, 1, -5, 100);
    add("axis", 13, "QuantizeLinear", List.of(f32(2, 3, 5), three, zeros), "axis", 1);
    Tensor bytes = whole(i8, -128, -1, 0, 1, 127);
    add("i8", 13, "DequantizeLinear", List.of(bytes, scalar(0.3f), bytes(i8, scalar, -7)));
    add("u8", 13, "DequantizeLinear", List.of(whole(u8, 0, 128, 255), scalar(0.3f)));
    Tensor bias = Tensor.of(new int[] {-70000, 0, 3, 123456789}, 4);
    TensorProto each = ModelBuilder.tensor(new float[] {0.1f, 0.03f, 0.5f, 1e-4f}, 4);
    add("i32", 13, "DequantizeLinear", List.of(bias, each), "axis", 0);
    add("i32 alike", 10, "DequantizeLinear", List.of(bias, scalar(0.3f)));
    Tensor cube = whole(u8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 250, 251, 252).reshaped(2, 3, 2);
    TensorProto points = bytes(u8, new long[] {3}, 0, 128, 255);
    add("axis", 13, "DequantizeLinear", List.of(cube, three, points), "axis", -2);
    TensorProto blocks =
        ModelBuilder.tensor(new float[] {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f}, 2, 3);
    Tensor flat = whole(i8, 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12).reshaped(2, 6);
    add("blocks", 21, "DequantizeLinear", List.of(flat, blocks), "axis", 1, "block_size", 2);
    CASES.add(
        new Case("range", 13, "DynamicQuantizeLinear", List.of(f32(7, 9)), new Object[] {}, 3, 0));
    Tensor a = whole(u8, 0, 1, 2, 3, 4, 5, 250, 255).reshaped(2, 4);
    TensorProto b = bytes(i8, new long[] {4, 3}, 1, -2, 3, -4, 5, -6, 7, -8, 9, -60, 50, -40);
    add("plain", 13, "MatMulInteger", List.of(a, b));
    TensorProto az = bytes(u8, scalar, 128);
    add("zero points", 13, "MatMulInteger", List.of(a, b, az, bytes(i8, new long[] {3}, 1, 2, -3)));
    TensorProto scale = scalar(0.01f);
    add(
        "u8",
        13,
        "QLinearMatMul",
        List.of(
            a, scale, az, b, scale, bytes(i8, scalar, 2), scalar(0.002f), bytes(u8, scalar, 120)));
  }

  static Stream<Case> cases() {
    return CASES.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void agreesWithOnnxRuntime(Case test) {
    check(test);
  }

  /** Fails unless the case's results are those of ONNX Runtime. */
  static void check(Case test) {
    check(test, test.model());
  }

  /** Runs a case's model as it is and after all passes. */
  static void check(Case test, byte[] model) {
    Graph graph = GraphImporter.importModel(OnnxReader.read(Bytes.of(model)));
    Map<String, Tensor> expected = Ort.run(model, test.feeds());
    for (Graph each : List.of(graph, Passes.optimise(graph, ReferenceKernels.all()))) {
      Map<String, Tensor> actual = Interpreter.run(each, test.feeds());
      assertThat(actual.keySet()).isEqualTo(expected.keySet());
      for (String output : expected.keySet()) {
        Tensors.assertClose(actual.get(output), expected.get(output), test.tolerance);
      }
    }
  }

  static Set<String> tested() {
    Set<String> tested = new TreeSet<>();
    CASES.forEach(c -> tested.add(c.op));
    return tested;
  }
}
