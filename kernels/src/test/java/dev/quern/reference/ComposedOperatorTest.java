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
import dev.quern.plan.Plan;
import dev.quern.plan.Planner;
import dev.quern.reference.OperatorTest.Case;
import dev.quern.runtime.JavetMachine;
import dev.quern.runtime.Limits;
import dev.quern.runtime.ModelRunner;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Operators that are written as others which have kernels: on scalar kernels and, planned as a
 * whole, on generated ones in V8, against ONNX Runtime.
 */
class ComposedOperatorTest {
  private static final List<Case> CASES = new ArrayList<>();

  private static void add(
      String title, int opset, String op, List<Object> inputs, int outputs, Object... attributes) {
    CASES.add(new Case(title, opset, op, inputs, attributes, outputs, 2e-5));
  }

  private static Tensor f32(long... dims) {
    return Tensors.random(Arrays.hashCode(dims) + CASES.size(), DataType.FLOAT, dims);
  }

  private static TensorProto fixed(Tensor tensor) {
    return ModelBuilder.raw(tensor.type(), tensor.toBytes(), tensor.dims());
  }

  static {
    windows();
    recurrent();
    others();
  }

  private static void windows() {
    add("computed weights", 13, "Conv", List.of(f32(2, 3, 7, 9), f32(5, 3, 3, 3), f32(5)), 1);
    add(
        "grouped",
        13,
        "Conv",
        List.of(f32(1, 4, 7, 9), f32(6, 2, 3, 2)),
        1,
        "group",
        2L,
        "pads",
        new long[] {1, 0, 2, 1},
        "strides",
        new long[] {2, 1},
        "dilations",
        new long[] {1, 2});
    add("a line", 13, "Conv", List.of(f32(2, 3, 11), f32(4, 3, 5)), 1, "auto_pad", "SAME_UPPER");
    add(
        "three axes",
        13,
        "Conv",
        List.of(f32(1, 2, 4, 5, 6), fixed(f32(3, 2, 2, 3, 2)), f32(3)),
        1,
        "pads",
        new long[] {1, 1, 0, 0, 1, 1});
    add(
        "computed weights",
        13,
        "ConvTranspose",
        List.of(f32(2, 3, 5, 4), f32(3, 2, 3, 3), f32(2)),
        1,
        "strides",
        new long[] {2, 3},
        "pads",
        new long[] {1, 0, 1, 2},
        "output_padding",
        new long[] {1, 0});
    add(
        "dilated groups",
        13,
        "ConvTranspose",
        List.of(f32(1, 4, 5, 5), fixed(f32(4, 3, 2, 2))),
        1,
        "group",
        2L,
        "dilations",
        new long[] {2, 3});
    add("three axes", 13, "ConvTranspose", List.of(f32(1, 2, 3, 4, 2), f32(2, 3, 2, 2, 3)), 1);
    for (String op : List.of("MaxPool", "AveragePool")) {
      add(
          "three axes",
          13,
          op,
          List.of(f32(2, 3, 5, 6, 4)),
          1,
          "kernel_shape",
          new long[] {2, 3, 2},
          "strides",
          new long[] {1, 2, 2});
    }
  }

  private static void recurrent() {
    for (String direction : List.of("forward", "reverse", "bidirectional")) {
      long d = direction.equals("bidirectional") ? 2 : 1;
      add(
          direction,
          14,
          "LSTM",
          List.of(f32(3, 2, 5), f32(d, 16, 5), f32(d, 16, 4), f32(d, 32)),
          3,
          "hidden_size",
          4L,
          "direction",
          direction);
      add(
          direction,
          14,
          "GRU",
          List.of(f32(4, 2, 5), fixed(f32(d, 9, 5)), fixed(f32(d, 9, 3)), f32(d, 18)),
          2,
          "hidden_size",
          3L,
          "direction",
          direction,
          "linear_before_reset",
          d - 1);
      add(
          direction,
          14,
          "RNN",
          List.of(f32(2, 3, 4), f32(d, 5, 4), f32(d, 5, 5)),
          2,
          "hidden_size",
          5L,
          "direction",
          direction,
          "activations",
          d == 2 ? new String[] {"Relu", "Sigmoid"} : new String[] {"Relu"});
      for (int hidden : new int[] {5, 36, 64}) {
        manySteps(direction, d, hidden);
      }
    }
  }

  /** Places of so many numbers each. */
  private static void gathered(Tensor data, int depth, long... places) {
    Tensor at = Tensor.of(places, places.length / depth, depth);
    add(depth + " numbers a place", 13, "GatherND", List.of(data, at), 1);
  }

  private static void einsum(String equation, Object... operands) {
    add(equation, 13, "Einsum", List.of(operands), 1, "equation", equation);
  }

  /** More than are unrolled: one kernel goes through them. */
  private static void manySteps(String direction, long d, long hidden) {
    Tensor x = f32(21, 3, 5);
    Tensor state = f32(d, 3, hidden);
    for (long gates : new long[] {4, 3, 1}) {
      long rows = gates * hidden;
      List<Object> inputs = new ArrayList<>(List.of(x, fixed(scaled(d, rows, 5))));
      inputs.add(fixed(scaled(d, rows, hidden)));
      // Biases, and first states, in some of them.
      if (hidden != 64) {
        inputs.add(fixed(f32(d, 2 * rows)));
      }
      if (hidden == 36) {
        inputs.addAll(List.of("", state));
        if (gates == 4) {
          inputs.add(f32(d, 3, hidden));
        }
      }
      add(
          direction + " " + hidden,
          14,
          gates == 4 ? "LSTM" : gates == 3 ? "GRU" : "RNN",
          inputs,
          gates == 4 ? 3 : 2,
          "hidden_size",
          hidden,
          "direction",
          direction,
          gates == 3 ? "linear_before_reset" : "layout",
          gates == 3 ? 1L : 0L);
    }
  }

  private static Tensor scaled(long... dims) {
    Tensor result = f32(dims);
    for (int i = 0; i < result.size(); i++) {
      result.floats()[i] /= (float) Math.sqrt((double) dims[2]);
    }
    return result;
  }

  private static void others() {
    for (long axis : new long[] {0, 1, -1}) {
      add("axis " + axis, 13, "Hardmax", List.of(f32(3, 4, 5)), 1, "axis", axis);
    }
    add("ties", 13, "Hardmax", List.of(Tensor.of(new float[] {2, 2, 1, 0, 3, 3}, 2, 3)), 1);
    add("wide", 13, "LRN", List.of(f32(2, 7, 3, 4)), 1, "size", 5L, "alpha", 0.5f, "bias", 2f);
    add("narrow", 13, "LRN", List.of(f32(2, 5, 3, 4)), 1, "size", 3L, "beta", 0.5f);
    add("real", 17, "DFT", List.of(f32(2, 12, 1)), 1, "onesided", 1L);
    add("complex", 17, "DFT", List.of(f32(2, 7, 3, 2)), 1, "axis", 1L);
    add("inverse", 17, "DFT", List.of(f32(2, 7, 3, 2)), 1, "axis", 2L, "inverse", 1L);
    for (long n : new long[] {1, 2, 3}) {
      add("of " + n, 13, "Det", List.of(f32(2, 3, n, n)), 1);
    }
    for (String mode : List.of("nearest", "bilinear", "bicubic")) {
      for (String padding : List.of("zeros", "border", "reflection")) {
        add(
            mode + " " + padding,
            16,
            "GridSample",
            List.of(f32(2, 3, 4, 5), Tensors.random(7, DataType.FLOAT, 2, 3, 4, 2)),
            1,
            "mode",
            mode,
            "padding_mode",
            padding,
            "align_corners",
            padding.equals("border") ? 1L : 0L);
      }
    }
    for (long axis : new long[] {0, 1, 2}) {
      Tensor places = Tensor.of(new long[] {0, 1, -1, 1, -2, 0, 1, 1}, 2, 2, 2);
      add("axis " + axis, 13, "GatherElements", List.of(f32(3, 4, 5), places), 1, "axis", axis);
      for (String op : List.of("ArgMax", "ArgMin")) {
        Tensor x = Tensor.of(new float[] {1, 3, 3, 0, 0, 2, 3, 3, -1, -1, 5, 5}, 2, 3, 2);
        add("axis " + axis, 13, op, List.of(x), 1, "axis", axis);
        add("last", 13, op, List.of(x), 1, "axis", axis, "select_last_index", 1L, "keepdims", 0L);
      }
    }
    Tensor deep = Tensor.of(new long[] {1, 0, -1, 2, 0, 1, 2, -3}, 1, 2, 1, 2, 2);
    add("five axes", 13, "GatherElements", List.of(f32(2, 3, 1, 3, 2), deep), 1, "axis", 3L);
    gathered(f32(3, 4, 5), 2, 0, 0, 2, 3, -1, -4);
    gathered(f32(3, 4), 2, 1, -1, -3, 2);
    gathered(f32(3, 4, 2), 3, 0, 1, 1, 2, 3, 0);
    gathered(f32(5, 3), 1, 4, 0, -2);
    einsum("bij,bjk->bik", f32(2, 3, 4), f32(2, 4, 5));
    einsum("bsd,hkd->bhsk", f32(2, 3, 8), f32(4, 5, 8));
    einsum("bhsk,bhtk->bhst", f32(2, 3, 4, 5), f32(2, 3, 6, 5));
    einsum("...ij,jk->...ik", f32(2, 3, 4, 5), f32(5, 6));
    einsum("i,j->ij", f32(3), f32(4));
    einsum("ij,ij->", f32(3, 4), f32(3, 4));
    einsum("bi,bj->jb", f32(2, 3), f32(2, 4));
    einsum("ijk->kj", f32(2, 3, 4));
    einsum("ij,jk,kl->li", f32(2, 3), f32(3, 4), f32(4, 5));
    einsum("abc,ad", f32(2, 3, 4), f32(2, 5));
    for (String op :
        List.of("Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Atanh")) {
      add("f32", 13, op, List.of(f32(3, 7)), 1);
    }
  }

  static Stream<Case> cases() {
    return CASES.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void agreesWithOnnxRuntime(Case test) {
    byte[] model = test.model(false);
    OperatorTest.check(test, model);
    Graph graph =
        Passes.optimise(
            GraphImporter.importModel(OnnxReader.read(Bytes.of(model))), ReferenceKernels.all());
    Plan plan = Planner.plan(graph);
    Map<String, Tensor> expected = Ort.run(model, test.feeds());
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = ModelRunner.load(machine, graph, plan, Limits.DEFAULT, 0);
      Map<String, Tensor> actual = runner.run(test.feeds());
      assertThat(actual.keySet()).isEqualTo(expected.keySet());
      expected.forEach(
          (name, tensor) -> Tensors.assertClose(actual.get(name), tensor, test.tolerance()));
    }
  }
}
