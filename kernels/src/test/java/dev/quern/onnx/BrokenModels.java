package dev.quern.onnx;

import static dev.quern.onnx.DataType.BOOL;
import static dev.quern.onnx.DataType.FLOAT;
import static dev.quern.onnx.DataType.INT64;
import static dev.quern.onnx.DataType.INT8;
import static dev.quern.onnx.DataType.UINT8;
import static java.nio.charset.StandardCharsets.UTF_8;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.ByteString;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/**
 * Models that cannot be used, each broken in one known way: nodes of many operators with missing,
 * undefined, cyclic and misfitting operands and attributes; graphs that are damaged as a whole;
 * files that are cut off. The tests of the reader, the importer and the browser share them.
 */
public final class BrokenModels {
  /**
   * A model that must be refused.
   *
   * @param name what is broken
   * @param file the ONNX file
   * @param place what the message must name: the node, the tensor or the value; empty if nothing in
   *     particular is broken
   */
  public record Broken(String name, byte[] file, String place) {
    @Override
    public String toString() {
      return name;
    }
  }

  /** An operand of a node: a graph input, or a constant if it has data. */
  private record Operand(String name, DataType type, long[] dims, byte[] data) {
    Operand shaped(long... other) {
      int bytes = type.bytes();
      for (long dim : other) {
        bytes *= (int) dim;
      }
      return new Operand(name, type, other, data == null ? null : Arrays.copyOf(data, bytes));
    }
  }

  /**
   * A model of one node that is right, and what to change in it.
   *
   * @param required inputs that it cannot do without
   * @param attributes names and values in turns
   */
  private record Sound(String op, int required, List<Operand> operands, Object... attributes) {}

  private static final String NODE = "the-node";

  private final List<Broken> all = new ArrayList<>();

  private BrokenModels() {}

  /** The corpus, the same in each run. */
  public static List<Broken> all() {
    BrokenModels models = new BrokenModels();
    for (Sound sound : sound()) {
      models.wires(sound);
      models.types(sound);
      models.attributes(sound);
    }
    models.misfits();
    models.graphs();
    models.tensors();
    models.cuts();
    return List.copyOf(models.all);
  }

  /** Files made by changing bytes of a good model at random: whether they are broken is open. */
  public static List<byte[]> mutants(long seed, int count) {
    Random random = new Random(seed);
    List<byte[]> bases = new ArrayList<>();
    for (Sound sound : sound()) {
      bases.add(build(sound, graph -> {}));
    }
    List<byte[]> result = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] mutant = bases.get(random.nextInt(bases.size())).clone();
      int changes = 1 + random.nextInt(4);
      for (int change = 0; change < changes; change++) {
        int at = random.nextInt(mutant.length);
        mutant[at] =
            switch (random.nextInt(4)) {
              case 0 -> (byte) random.nextInt();
              case 1 -> (byte) (mutant[at] ^ 1 << random.nextInt(8));
              case 2 -> (byte) 0xFF;
              default -> (byte) (mutant[at] + 1);
            };
      }
      result.add(mutant);
    }
    return result;
  }

  /** The models before anything is broken; they must be accepted. */
  public static List<Broken> unbroken() {
    return sound().stream().map(s -> new Broken(s.op, build(s, graph -> {}), NODE)).toList();
  }

  // --- sound models of one node ---

  private static Operand x(long... dims) {
    return new Operand("x", FLOAT, dims, null);
  }

  private static Operand x2(long... dims) {
    return new Operand("x2", FLOAT, dims, null);
  }

  private static Operand input(String name, DataType type, long... dims) {
    return new Operand(name, type, dims, null);
  }

  private static Operand weight(String name, long... dims) {
    return new Operand(name, FLOAT, new long[0], new byte[0]).shaped(dims);
  }

  private static Operand whole(String name, DataType type, long... dims) {
    return new Operand(name, type, new long[0], new byte[0]).shaped(dims);
  }

  private static Operand numbers(String name, long... values) {
    TensorProto tensor = ModelBuilder.tensor(values, values.length);
    return new Operand(name, INT64, new long[] {values.length}, tensor.getRawData().toByteArray());
  }

  private static List<Sound> sound() {
    List<Sound> all = new ArrayList<>();
    for (String op : List.of("Add", "Sub", "Mul", "Div", "Pow")) {
      all.add(new Sound(op, 2, List.of(x(2, 3), x2(2, 3))));
    }
    for (String op :
        List.of("Relu", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Erf", "Abs", "Neg", "Floor")) {
      all.add(new Sound(op, 1, List.of(x(2, 3))));
    }
    all.add(new Sound("Less", 2, List.of(x(2, 3), x2(2, 3))));
    all.add(new Sound("And", 2, List.of(input("x", BOOL, 2, 3), input("x2", BOOL, 3))));
    all.add(new Sound("Not", 1, List.of(input("x", BOOL, 2, 3))));
    all.add(new Sound("Where", 3, List.of(input("c", BOOL, 2, 3), x(2, 3), x2(3))));
    all.add(new Sound("MatMul", 2, List.of(x(2, 3), weight("w", 3, 4))));
    all.add(new Sound("Gemm", 2, List.of(x(2, 3), weight("w", 4, 3), weight("b", 4)), "transB", 1));
    all.add(new Sound("Concat", 1, List.of(x(2, 3), x2(2, 3)), "axis", 1));
    all.add(new Sound("Gather", 2, List.of(x(4, 3), numbers("i", 0, 2)), "axis", 0));
    all.add(new Sound("Transpose", 1, List.of(x(2, 3)), "perm", new long[] {1, 0}));
    all.add(
        new Sound(
            "Slice",
            3,
            List.of(x(4, 3), numbers("from", 1), numbers("to", 3), numbers("axes", 0))));
    all.add(new Sound("Expand", 2, List.of(x(1, 3), numbers("shape", 2, 3))));
    all.add(new Sound("Reshape", 2, List.of(x(2, 3), numbers("shape", 3, 2))));
    all.add(new Sound("Squeeze", 1, List.of(x(1, 3), numbers("axes", 0))));
    all.add(new Sound("Unsqueeze", 2, List.of(x(2, 3), numbers("axes", 0))));
    all.add(new Sound("Flatten", 1, List.of(x(2, 3, 4)), "axis", 1));
    all.add(new Sound("Softmax", 1, List.of(x(2, 3)), "axis", 1));
    all.add(
        new Sound(
            "LayerNormalization", 2, List.of(x(2, 3), weight("w", 3), weight("b", 3)), "axis", -1));
    all.add(new Sound("ReduceSum", 1, List.of(x(2, 3), numbers("axes", 1)), "keepdims", 0));
    all.add(new Sound("ReduceMean", 1, List.of(x(2, 3)), "axes", new long[] {1}));
    all.add(
        new Sound(
            "Conv",
            2,
            List.of(x(1, 2, 5, 5), weight("w", 3, 2, 3, 3), weight("b", 3)),
            "pads",
            new long[] {1, 1, 1, 1}));
    all.add(new Sound("MaxPool", 1, List.of(x(1, 2, 4, 4)), "kernel_shape", new long[] {2, 2}));
    all.add(new Sound("AveragePool", 1, List.of(x(1, 2, 4, 4)), "kernel_shape", new long[] {2, 2}));
    all.add(new Sound("GlobalAveragePool", 1, List.of(x(1, 2, 4, 4))));
    all.add(
        new Sound(
            "BatchNormalization",
            5,
            List.of(
                x(1, 2, 4, 4),
                weight("scale", 2),
                weight("bias", 2),
                weight("mean", 2),
                weight("var", 2))));
    all.add(new Sound("Pad", 2, List.of(x(2, 3), numbers("pads", 1, 0, 1, 0))));
    all.add(new Sound("Cast", 1, List.of(x(2, 3)), "to", 7));
    all.add(new Sound("Clip", 1, List.of(x(2, 3), weight("min"), weight("max"))));
    all.add(
        new Sound("QuantizeLinear", 2, List.of(x(2, 3), weight("scale"), whole("zero", UINT8))));
    all.add(
        new Sound(
            "DequantizeLinear",
            2,
            List.of(input("q", UINT8, 2, 3), weight("scale"), whole("zero", UINT8))));
    all.add(
        new Sound("MatMulInteger", 2, List.of(input("q", UINT8, 2, 3), whole("w", INT8, 3, 4))));
    all.add(new Sound("ConstantOfShape", 1, List.of(numbers("shape", 2, 3))));
    return all;
  }

  private static byte[] build(Sound sound, Consumer<GraphProto.Builder> change) {
    ModelBuilder model = new ModelBuilder(17);
    List<String> names = new ArrayList<>();
    for (Operand operand : sound.operands) {
      names.add(operand.name);
      if (operand.data == null) {
        String[] dims = new String[operand.dims.length];
        for (int i = 0; i < dims.length; i++) {
          dims[i] = Long.toString(operand.dims[i]);
        }
        model.input(operand.name, operand.type, dims);
      } else {
        model.constant(operand.name, ModelBuilder.raw(operand.type, operand.data, operand.dims));
      }
    }
    model.output("y", FLOAT).node(sound.op, names, List.of("y"), sound.attributes);
    model.graph().getNodeBuilder(0).setName(NODE);
    change.accept(model.graph());
    return model.build();
  }

  private void add(String name, byte[] file, String place) {
    all.add(new Broken(name, file, place));
  }

  private void change(Sound sound, String what, Consumer<GraphProto.Builder> change) {
    change(sound, what, NODE, change);
  }

  private void change(Sound sound, String what, String place, Consumer<GraphProto.Builder> change) {
    add(sound.op + ": " + what, build(sound, change), place);
  }

  // --- what is broken in each of them ---

  private void wires(Sound sound) {
    for (int i = 0; i < sound.required; i++) {
      int at = i;
      change(sound, "input " + i + " is missing", g -> g.getNodeBuilder(0).setInput(at, ""));
    }
    change(sound, "an input that nothing defines", g -> g.getNodeBuilder(0).setInput(0, "nowhere"));
    change(sound, "its own output as input", g -> g.getNodeBuilder(0).setInput(0, "y"));
    change(sound, "no inputs", g -> g.getNodeBuilder(0).clearInput());
    change(sound, "no output", g -> g.getNodeBuilder(0).clearOutput());
    if (!sound.op.equals("Concat")) {
      change(
          sound,
          "more inputs than it has",
          g -> {
            for (int i = 0; i < 9; i++) {
              g.getNodeBuilder(0).addInput(sound.operands.getFirst().name);
            }
          });
    }
  }

  private void types(Sound sound) {
    Operand first = sound.operands.getFirst();
    if (first.data != null) {
      return;
    }
    for (int code : new int[] {DataType.COMPLEX64.code(), 77}) {
      change(
          sound,
          "elements of type " + code,
          first.name,
          g -> g.getInputBuilder(0).getTypeBuilder().getTensorTypeBuilder().setElemType(code));
    }
    change(
        sound,
        "an input of negative size",
        first.name,
        g ->
            g.getInputBuilder(0)
                .getTypeBuilder()
                .getTensorTypeBuilder()
                .getShapeBuilder()
                .getDimBuilder(0)
                .setDimValue(-5));
  }

  private void attributes(Sound sound) {
    for (int i = 0; i < sound.attributes.length; i += 2) {
      String name = (String) sound.attributes[i];
      AttributeProto text = ModelBuilder.attribute(name, "sideways");
      int at = i / 2;
      change(sound, name + " is a text", g -> g.getNodeBuilder(0).setAttribute(at, text));
      if (name.equals("axis")) {
        for (long axis : new long[] {99, -99, Long.MIN_VALUE}) {
          AttributeProto far = ModelBuilder.attribute(name, axis);
          change(sound, "axis " + axis, g -> g.getNodeBuilder(0).setAttribute(at, far));
        }
      }
    }
  }

  private void misfit(String what, String op, List<Operand> operands, Object... attributes) {
    add(op + ": " + what, build(new Sound(op, 0, operands, attributes), g -> {}), NODE);
  }

  /** Operands and attributes that are each well formed and do not fit each other. */
  private void misfits() {
    for (String op : List.of("Add", "Sub", "Mul", "Div", "Pow", "Less", "Equal")) {
      misfit("shapes that do not broadcast", op, List.of(x(2, 3), x2(2, 4)));
      if (!op.equals("Pow")) {
        misfit("operands of two types", op, List.of(x(2, 3), input("x2", INT64, 2, 3)));
      }
    }
    for (String op : List.of("Sqrt", "Exp", "Log", "Sigmoid", "Softmax")) {
      misfit("bools", op, List.of(input("x", BOOL, 2, 3)));
    }
    misfit("numbers", "And", List.of(x(2, 3), x2(2, 3)));
    misfit("numbers", "Not", List.of(x(2, 3)));
    misfit("a condition of numbers", "Where", List.of(x(2, 3), x2(2, 3), weight("w", 2, 3)));
    misfit("inner sizes", "MatMul", List.of(x(2, 3), weight("w", 5, 4)));
    misfit("batches", "MatMul", List.of(x(2, 2, 3), weight("w", 5, 3, 4)));
    misfit("a scalar", "MatMul", List.of(x(), weight("w", 3, 4)));
    misfit("rank 3", "Gemm", List.of(x(2, 2, 3), weight("w", 3, 4)));
    misfit("inner sizes", "Gemm", List.of(x(2, 3), weight("w", 3, 4)), "transA", 1);
    misfit("a bias of another size", "Gemm", List.of(x(2, 3), weight("w", 3, 4), weight("b", 3)));
    misfit("sizes beside the axis", "Concat", List.of(x(2, 3), x2(3, 3)), "axis", 1);
    misfit("ranks", "Concat", List.of(x(2, 3), x2(3)), "axis", 0);
    misfit("no axis", "Concat", List.of(x(2, 3), x2(2, 3)));
    misfit("indices of f32", "Gather", List.of(x(4, 3), weight("i", 2)));
    misfit("a scalar", "Gather", List.of(x(), numbers("i", 0)));
    misfit("an axis twice", "Transpose", List.of(x(2, 3)), "perm", new long[] {0, 0});
    misfit("an axis too few", "Transpose", List.of(x(2, 3)), "perm", new long[] {0});
    misfit("an axis that is not there", "Transpose", List.of(x(2, 3)), "perm", new long[] {0, 2});
    misfit(
        "ends missing for a start", "Slice", List.of(x(4, 3), numbers("f", 1, 1), numbers("t", 3)));
    misfit(
        "a step of 0",
        "Slice",
        List.of(x(4), numbers("f", 1), numbers("t", 3), numbers("a", 0), numbers("s", 0)));
    misfit(
        "an axis that is not there",
        "Slice",
        List.of(x(4, 3), numbers("f", 1), numbers("t", 3), numbers("a", 7)));
    misfit("a shape that does not fit", "Expand", List.of(x(4, 3), numbers("shape", 2, 3)));
    misfit("another number of elements", "Reshape", List.of(x(2, 3), numbers("shape", 4, 2)));
    misfit("two sizes of -1", "Reshape", List.of(x(2, 3), numbers("shape", -1, -1)));
    misfit("a size of -7", "Reshape", List.of(x(2, 3), numbers("shape", -7, 2)));
    misfit("a size that is not whole", "Reshape", List.of(x(2, 3), numbers("shape", -1, 4)));
    misfit(
        "sizes that overflow", "Reshape", List.of(x(2, 3), numbers("shape", 1L << 62, 1L << 62)));
    misfit("an axis of size 2", "Squeeze", List.of(x(2, 3), numbers("axes", 0)));
    misfit("an axis that is not there", "Squeeze", List.of(x(1, 3), numbers("axes", 5)));
    misfit("an axis twice", "Unsqueeze", List.of(x(2, 3), numbers("axes", 0, 0)));
    misfit("an axis that is not there", "Unsqueeze", List.of(x(2, 3), numbers("axes", 9)));
    misfit("a scale of another size", "LayerNormalization", List.of(x(2, 3), weight("w", 4)));
    misfit("an axis that is not there", "ReduceSum", List.of(x(2, 3), numbers("axes", 6)));
    misfit("an axis that is not there", "ReduceMean", List.of(x(2, 3)), "axes", new long[] {6});
    misfits(x(1, 2, 5, 5), weight("w", 3, 2, 3, 3));
    misfit("parts that do not add up", "Split", List.of(x(5, 3), numbers("split", 2, 2)));
    misfit("pads for another rank", "Pad", List.of(x(2, 3), numbers("pads", 1, 1)));
    misfit(
        "a mode that is none", "Pad", List.of(x(2, 3), numbers("pads", 0, 1, 0, 1)), "mode", "x");
    misfit("an absurd pad", "Pad", List.of(x(2), numbers("pads", 1L << 62, 1L << 62)));
    misfit("no type to cast to", "Cast", List.of(x(2, 3)));
    misfit("a type that is none", "Cast", List.of(x(2, 3)), "to", 99);
    misfit(
        "a zero point of another type",
        "DequantizeLinear",
        List.of(input("q", UINT8, 2, 3), weight("scale"), whole("zero", INT8)));
    misfit(
        "inner sizes", "MatMulInteger", List.of(input("q", UINT8, 2, 3), whole("w", INT8, 4, 4)));
    misfit("f32", "MatMulInteger", List.of(x(2, 3), whole("w", INT8, 3, 4)));
    misfit("a negative size", "ConstantOfShape", List.of(numbers("shape", 2, -3)));
    misfit("absurd sizes", "ConstantOfShape", List.of(numbers("shape", 1L << 40, 1L << 40)));
    misfit("absurd sizes", "Expand", List.of(x(1), numbers("shape", 1L << 40, 1L << 40)));
  }

  private void misfits(Operand image, Operand taps) {
    misfit("channels", "Conv", List.of(image, taps.shaped(3, 4, 3, 3)));
    misfit("rank of the weights", "Conv", List.of(image, taps.shaped(3, 2, 3)));
    misfit("no image", "Conv", List.of(x(5), taps));
    misfit("a bias of another size", "Conv", List.of(image, taps, weight("b", 2)));
    misfit("groups that do not divide", "Conv", List.of(image, taps), "group", 3);
    misfit("no group", "Conv", List.of(image, taps), "group", 0);
    misfit("a stride of 0", "Conv", List.of(image, taps), "strides", new long[] {0, 1});
    misfit("a stride too few", "Conv", List.of(image, taps), "strides", new long[] {1});
    misfit("a dilation of 0", "Conv", List.of(image, taps), "dilations", new long[] {0, 1});
    misfit("pads for one side", "Conv", List.of(image, taps), "pads", new long[] {1, 1});
    misfit("a kernel larger than the image", "Conv", List.of(x(1, 2, 2, 2), taps));
    misfit("an unknown auto_pad", "Conv", List.of(image, taps), "auto_pad", "ALMOST");
    for (String op : List.of("MaxPool", "AveragePool")) {
      misfit("no kernel_shape", op, List.of(image));
      misfit("a window of 0", op, List.of(image), "kernel_shape", new long[] {0, 2});
      misfit("a window too few", op, List.of(image), "kernel_shape", new long[] {2});
      misfit(
          "a window larger than the image", op, List.of(image), "kernel_shape", new long[] {9, 9});
    }
    misfit("no image", "GlobalAveragePool", List.of(x(5)));
    misfit(
        "statistics of another size",
        "BatchNormalization",
        List.of(image, weight("s", 2), weight("b", 2), weight("m", 3), weight("v", 2)));
  }

  // --- graphs that are damaged as a whole ---

  private static ModelBuilder chain() {
    return new ModelBuilder(17)
        .input("x", FLOAT, "batch", "4")
        .output("y", FLOAT)
        .constant("w", new long[] {4, 2}, 1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f)
        .node("MatMul", List.of("x", "w"), List.of("m"))
        .node("Relu", List.of("m"), List.of("r"))
        .node("Neg", List.of("r"), List.of("y"));
  }

  private void graph(String name, String place, Consumer<ModelBuilder> change) {
    ModelBuilder model = chain();
    change.accept(model);
    add(name, model.build(), place);
  }

  private void graphs() {
    graph(
        "a cycle of two nodes",
        "n1",
        m -> {
          m.graph().getNodeBuilder(1).setInput(0, "late");
          m.node("Neg", List.of("r"), List.of("late"));
        });
    graph("a value defined twice", "r", m -> m.node("Neg", List.of("m"), List.of("r")));
    graph("an input's name defined by a node", "x", m -> m.node("Neg", List.of("m"), List.of("x")));
    graph("an output that nothing defines", "ghost", m -> m.output("ghost", FLOAT));
    graph("no outputs", "", m -> m.graph().clearOutput());
    graph(
        "an unknown operator", "Frobnicate", m -> m.node("Frobnicate", List.of("r"), List.of("z")));
    graph(
        "an operator of an unknown domain",
        "example.org",
        m -> {
          m.node("Relu", List.of("r"), List.of("z"));
          m.graph().getNodeBuilder(3).setDomain("example.org");
        });
    graph("an input twice", "x", m -> m.input("x", FLOAT, "2"));
    graph("an input without a name", "input", m -> m.input("", FLOAT, "2"));
    graph(
        "an input without a type",
        "untyped",
        m -> m.graph().addInput(ValueInfoProto.newBuilder().setName("untyped")));
    graph(
        "an input that is a sequence",
        "many",
        m ->
            m.graph()
                .addInput(
                    ValueInfoProto.newBuilder()
                        .setName("many")
                        .setType(
                            TypeProto.newBuilder()
                                .setSequenceType(TypeProto.Sequence.getDefaultInstance()))));
    graph(
        "an axis of 2^62",
        "n0",
        m ->
            m.graph()
                .getInputBuilder(0)
                .getTypeBuilder()
                .getTensorTypeBuilder()
                .getShapeBuilder()
                .getDimBuilder(1)
                .setDimValue(1L << 62));
    for (long opset : new long[] {0, 1, 6, 99, -3, Long.MAX_VALUE}) {
      ModelProto.Builder model = chain().proto().toBuilder();
      model.getOpsetImportBuilder(0).setVersion(opset);
      add("operators of version " + opset, model.build().toByteArray(), "version");
    }
    add(
        "no operator set",
        chain().proto().toBuilder().clearOpsetImport().build().toByteArray(),
        "");
    add("no graph", chain().proto().toBuilder().clearGraph().build().toByteArray(), "");
    add("an empty file", new byte[0], "");
    add("a page of HTML", "<!DOCTYPE html><title>Not found</title>".getBytes(UTF_8), "<!DOCTYPE");
    add(
        "a pointer of Git LFS",
        "version https://git-lfs.github.com/spec/v1".getBytes(UTF_8),
        "git-lfs");
    add("a zip archive", new byte[] {'P', 'K', 3, 4, 20, 0, 0, 0, 8, 0}, "PK");
    byte[] noise = new byte[4000];
    new Random(3).nextBytes(noise);
    add("noise", noise, "");
    add("deep nesting", nested(200), "nested");
    for (int depth : new int[] {9, 20, 50}) {
      add("graphs nested " + depth + " deep", nested(depth), "nested");
    }
  }

  private static byte[] nested(int depth) {
    GraphProto body = GraphProto.getDefaultInstance();
    for (int i = 0; i < depth; i++) {
      NodeProto.Builder node =
          NodeProto.newBuilder()
              .setOpType("If")
              .addInput("c")
              .addOutput("y" + i)
              .addAttribute(ModelBuilder.attribute("then_branch", body));
      body = GraphProto.newBuilder().addNode(node).build();
    }
    ModelBuilder model = chain();
    model.graph().addAllNode(body.getNodeList());
    return model.build();
  }

  // --- weights ---

  private void tensor(String name, Consumer<TensorProto.Builder> change) {
    TensorProto.Builder tensor = ModelBuilder.tensor(new float[8], 4, 2).toBuilder();
    change.accept(tensor);
    ModelBuilder model = chain();
    model.graph().setInitializer(0, tensor.setName("w"));
    add("weights: " + name, model.build(), "w");
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  private void tensors() {
    ByteString zeros = ByteString.copyFrom(new byte[32]);
    for (int bytes : new int[] {0, 1, 31, 33, 64}) {
      tensor(
          bytes + " bytes instead of 32", t -> t.setRawData(ByteString.copyFrom(new byte[bytes])));
    }
    tensor("no data", TensorProto.Builder::clearRawData);
    tensor("a negative size", t -> t.setDims(0, -4));
    tensor("the least number as size", t -> t.setDims(0, Long.MIN_VALUE));
    tensor("sizes that overflow", t -> t.setDims(0, 1L << 62).setDims(1, 8));
    tensor("sizes whose product wraps to 8", t -> t.setDims(0, 1L << 61).setDims(1, 1L << 6));
    tensor("a terabyte", t -> t.setDims(0, 1L << 40));
    tensor("an unknown type", t -> t.setDataType(99));
    tensor("no type", t -> t.setDataType(0));
    tensor("data in a field of another type", t -> t.clearRawData().addInt64Data(3));
    tensor(
        "one number too few",
        t -> {
          t.clearRawData();
          for (int i = 0; i < 7; i++) {
            t.addFloatData(i);
          }
        });
    tensor(
        "65 axes",
        t -> {
          t.clearDims();
          for (int i = 0; i < 65; i++) {
            t.addDims(1);
          }
        });
    tensor("complex numbers", t -> t.setDataType(DataType.COMPLEX64.code()).setDims(0, 2));
    String[][] places = {
      {"../secret", "0", "32"}, {"/etc/passwd", "0", "32"}, {"", "0", "32"},
      {"a.bin", "-1", "32"}, {"a.bin", "0", "-32"}, {"a.bin", "9223372036854775807", "32"},
      {"a.bin", "0", "99999999999999999999"}, {"a.bin", "zero", "32"}
    };
    for (String[] place : places) {
      tensor(
          "outside, " + Arrays.toString(place),
          t ->
              t.clearRawData()
                  .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                  .addExternalData(entry("location", place[0]))
                  .addExternalData(entry("offset", place[1]))
                  .addExternalData(entry("length", place[2])));
    }
    ModelBuilder twice = chain();
    twice.constant("w", ModelBuilder.raw(FLOAT, zeros.toByteArray(), 4, 2));
    add("weights: the same name twice", twice.build(), "w");
  }

  // --- files that are cut off ---

  private void cuts() {
    byte[] whole = chain().build();
    for (int length = 1; length < whole.length - 1; length += 7) {
      add("cut off after " + length + " bytes", Arrays.copyOf(whole, length), "");
    }
    for (int at = 5; at < whole.length; at += 31) {
      byte[] gap = new byte[whole.length - 3];
      System.arraycopy(whole, 0, gap, 0, Math.min(at, gap.length));
      if (at < gap.length) {
        System.arraycopy(whole, at + 3, gap, at, gap.length - at);
      }
      add("3 bytes missing at " + at, gap, "");
    }
  }
}
