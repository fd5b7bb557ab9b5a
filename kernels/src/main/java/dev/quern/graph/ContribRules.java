package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;
import dev.quern.onnx.OnnxAttribute;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Operators of the domain {@code com.microsoft} that optimisers write: several of ONNX's in one,
 * taken apart again so that the passes and kernels see what they know.
 *
 * @see <a href="https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md">
 *     ContribOperators.md</a>
 */
final class ContribRules {
  private ContribRules() {}

  // Activations.

  /** {@code 0.5·x·(1 + erf(x/√2))}. */
  private static Value gelu(Compose c, Value x) {
    DataType type = x.type();
    ProgramBuilder p = new ProgramBuilder(type);
    int inner = p.op(ERF, p.op(DIV, 0, p.constant(type, Math.sqrt(2))));
    p.op(MUL, p.op(MUL, 0, p.op(ADD, inner, p.constant(type, 1))), p.constant(type, 0.5));
    return c.apply(p, x);
  }

  static void biasGelu(Site s) {
    Compose c = new Compose(s);
    c.output(0, gelu(c, c.apply(ADD, c.input(0), c.input(1))));
  }

  static void gelu(Site s) {
    Compose c = new Compose(s);
    c.output(0, gelu(c, c.input(0)));
  }

  /** {@code 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))} of x plus a bias, if there is one. */
  static void fastGelu(Site s) {
    Compose c = new Compose(s);
    Value x = s.has(1) ? c.apply(ADD, c.input(0), c.input(1)) : c.input(0);
    DataType type = x.type();
    ProgramBuilder p = new ProgramBuilder(type);
    int cube = p.op(MUL, p.op(MUL, 0, 0), 0);
    int sum = p.op(ADD, 0, p.op(MUL, cube, p.constant(type, 0.044715)));
    int inner = p.op(TANH, p.op(MUL, sum, p.constant(type, Math.sqrt(2 / Math.PI))));
    p.op(MUL, p.op(MUL, 0, p.op(ADD, inner, p.constant(type, 1))), p.constant(type, 0.5));
    c.output(0, c.apply(p, x));
  }

  // Normalisations.

  private static Value layerNorm(Site s, Compose c, Value x, int scale, int bias, double epsilon) {
    List<Value> operands = new ArrayList<>(List.of(x, c.input(scale)));
    s.same(c.input(scale).shape().size(), x.shape().dim(-1), "the sizes of scale and last axis");
    if (s.has(bias)) {
      operands.add(c.input(bias));
    }
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "axis", new Attribute.Int(-1), "epsilon", new Attribute.Real(epsilon));
    return c.node("", "LayerNormalization", operands, attributes, x.type(), x.shape());
  }

  private static void refuse(Site s, int... outputs) {
    for (int output : outputs) {
      if (s.wants(output)) {
        throw Site.unsupported("its output " + output + " is for training", "remove what uses it");
      }
    }
  }

  /** Input and skip, and a bias at {@code bias} if there is one, added up. */
  private static Value sum(Site s, Compose c, int bias) {
    Value sum = c.apply(ADD, c.input(0), c.input(1));
    return s.has(bias) ? c.apply(ADD, sum, c.input(bias)) : sum;
  }

  static void skipLayerNorm(Site s) {
    refuse(s, 1, 2);
    Compose c = new Compose(s);
    Value sum = sum(s, c, 4);
    c.output(0, layerNorm(s, c, sum, 2, 3, (float) s.real("epsilon", 1e-12f)));
    c.output(3, sum);
  }

  static void skipSimplifiedLayerNorm(Site s) {
    refuse(s, 1, 2);
    Compose c = new Compose(s);
    Value sum = sum(s, c, 3);
    int axis = sum.shape().rank() - 1;
    double epsilon = (float) s.real("epsilon", 1e-12f);
    c.output(0, NormRules.rms(s, c, sum, c.input(2), axis, epsilon));
    c.output(3, sum);
  }

  static void simplifiedLayerNorm(Site s) {
    refuse(s, 1);
    NormRules.rms(s);
  }

  /** Word, position and perhaps segment embeddings, added up and normalised. */
  static void embedLayerNorm(Site s) {
    Shape ids = s.shape(0);
    if (ids.rank() != 2) {
      throw Site.unsupported("its ids are " + ids + ", not [batch, seq]", "");
    }
    Compose c = new Compose(s);
    Value sum = embedded(c, c.input(2), c.input(0));
    Value positions = c.input(3);
    if (s.has(8)) {
      sum = c.apply(ADD, sum, embedded(c, positions, c.input(8)));
    } else {
      Value first = c.slice(positions, 0, Dim.ZERO, ids.dim(1));
      sum = c.apply(ADD, sum, c.reshape(first, Dim.ONE, ids.dim(1), first.shape().dim(1)));
    }
    if (s.has(1)) {
      sum = c.apply(ADD, sum, embedded(c, c.input(4), c.input(1)));
    }
    c.output(0, layerNorm(s, c, sum, 5, 6, (float) s.real("epsilon", 1e-12f)));
    if (s.wants(1)) {
      Value lengths =
          s.has(7)
              ? c.reduce("ReduceSum", c.input(7), List.of(1L), false)
              : c.expand(
                  c.constant(Constants.scalar("", DataType.INT32, 0)),
                  new Shape(List.of(ids.dim(0))));
      c.output(1, lengths);
    }
    c.output(2, sum);
  }

  private static Value embedded(Compose c, Value table, Value ids) {
    List<Dim> dims = new ArrayList<>(ids.shape().dims());
    dims.add(table.shape().dim(1));
    Map<String, Attribute> axis = Map.of("axis", new Attribute.Int(0));
    return c.node("", "Gather", List.of(table, ids), axis, table.type(), new Shape(dims));
  }

  // Products.

  static void fusedMatMul(Site s) {
    Compose c = new Compose(s);
    Value a = side(s, c, 0, "A");
    Value b = side(s, c, 1, "B");
    if (a.shape().rank() < 2 || b.shape().rank() < 2) {
      throw Site.unsupported("an operand is a vector", "use MatMul");
    }
    Value product = c.matMul(a, b);
    double alpha = (float) s.real("alpha", 1);
    c.output(0, alpha == 1 ? product : c.apply(MUL, product, alpha));
  }

  /**
   * An operand in the order that the attributes say: with the last two axes exchanged, or with the
   * first one behind those of the batch, as a row or as a column.
   */
  private static Value side(Site s, Compose c, int input, String name) {
    Value x = c.input(input);
    boolean turned = s.integer("trans" + name, 0) != 0;
    int rank = x.shape().rank();
    if (s.integer("transBatch" + name, 0) == 0 || rank < 3) {
      return turned ? swapped(c, x) : x;
    }
    long[] perm = new long[rank];
    for (int i = 0; i < rank - 2; i++) {
      perm[i] = i + 1L;
    }
    perm[rank - 2] = turned ? rank - 1 : 0;
    perm[rank - 1] = turned ? 0 : rank - 1;
    return c.transpose(x, perm);
  }

  /** The operands of a product, and what is added to it, if there is anything. */
  private static List<Value> withBias(Site s, Compose c) {
    List<Value> operands = new ArrayList<>(List.of(c.input(0), c.input(1)));
    if (s.has(2)) {
      operands.add(c.input(2));
    }
    return operands;
  }

  /** {@code activation(alpha·A·B + beta·C)}. */
  static void fusedGemm(Site s) {
    Compose c = new Compose(s);
    Value result = s.child("Gemm", withBias(s, c), s.attributes(), MathRules::gemm);
    List<Double> numbers = new ArrayList<>();
    for (String name : List.of("activation_alpha", "activation_beta")) {
      double number = s.real(name, Double.NaN);
      if (!Double.isNaN(number)) {
        numbers.add(number);
      }
    }
    c.output(0, activated(s, result, numbers));
  }

  /** The last two axes in the other order. */
  static Value swapped(Compose c, Value x) {
    int rank = x.shape().rank();
    long[] perm = new long[rank];
    for (int i = 0; i < rank; i++) {
      perm[i] = i < rank - 2 ? i : 2L * rank - 3 - i;
    }
    return rank < 2 ? x : c.transpose(x, perm);
  }

  /** A convolution, perhaps another image added, and an activation. */
  static void fusedConv(Site s) {
    Compose c = new Compose(s);
    Value result = s.child("Conv", withBias(s, c), s.attributes(), ImageRules::conv);
    if (s.has(3)) {
      result = c.apply(ADD, result, c.input(3));
    }
    c.output(0, activated(s, result, s.reals("activation_params").orElse(List.of())));
  }

  /**
   * @param numbers of the activation, in the order of its attributes
   */
  private static Value activated(Site s, Value x, List<Double> numbers) {
    String name = s.text("activation", "");
    Map<String, OnnxAttribute> attributes = new LinkedHashMap<>();
    Operator.Rule rule =
        switch (name) {
          case "Relu" -> t -> ElementwiseRules.plain(t, RELU);
          case "Tanh" -> t -> ElementwiseRules.plain(t, TANH);
          case "Sigmoid" -> t -> ElementwiseRules.plain(t, SIGMOID);
          case "LeakyRelu" -> ElementwiseRules::leakyRelu;
          case "HardSigmoid" -> ElementwiseRules::hardSigmoid;
          case "Clip" -> null;
          default -> throw Site.unsupported("its activation is '" + name + "'", "");
        };
    if (rule == null) {
      ProgramBuilder p = new ProgramBuilder(x.type());
      int least = p.op(MAX, 0, p.constant(x.type(), numbers.get(0)));
      p.op(MIN, least, p.constant(x.type(), numbers.get(1)));
      return new Compose(s).apply(p, x);
    }
    for (int i = 0; i < numbers.size(); i++) {
      attributes.put(
          i == 0 ? "alpha" : "beta", new OnnxAttribute.Real(numbers.get(i).floatValue()));
    }
    return s.child(name, List.of(x), attributes, rule);
  }
}
