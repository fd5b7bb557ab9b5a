package dev.quern.onnx;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads the {@code ModelProto} of an ONNX file, and single {@code TensorProto} files. Field numbers
 * are those of <a href="https://github.com/onnx/onnx/blob/main/onnx/onnx.proto">onnx.proto</a>.
 *
 * <p>Time and memory are bounded by the file's size and the limits below whatever the bytes are. A
 * message that is malformed is reported and stepped over, so that all problems come together.
 */
public final class OnnxReader {
  /** Graphs within graphs (bodies of loops and branches). */
  static final int DEEPEST = 8;

  /**
   * Nodes, tensors, values, attributes and their elements, in all; the largest known models have a
   * tenth of it.
   */
  static final int MOST_ITEMS = 2_000_000;

  /** Bytes of a name. */
  static final int LONGEST_NAME = 1 << 16;

  /** Bytes of messages that are copied before they are read. */
  private static final int NEAR = 4096;

  /** Problems after which reading stops. */
  static final int MOST_PROBLEMS = 1000;

  private static final String DAMAGED = "export or download the model again";

  private final List<Problem> problems = new ArrayList<>();
  private final TensorReader tensors;
  private int items;

  private OnnxReader(Optional<ExternalData> external) {
    tensors = new TensorReader(external, problems);
  }

  /** Stops reading; the reason is the last problem. */
  private static final class Abort extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /**
   * Reads a model whose weights are all within the file.
   *
   * @param file the file; the weights of the result are views of it
   * @throws ModelException with every problem found
   */
  public static OnnxModel read(Bytes file) {
    return new OnnxReader(Optional.empty()).readAll(file);
  }

  /**
   * Reads a model.
   *
   * @param file the file; the weights of the result are views of it
   * @param external gives the other files that weights lie in
   * @throws ModelException with every problem found
   */
  public static OnnxModel read(Bytes file, ExternalData external) {
    return new OnnxReader(Optional.of(external)).readAll(file);
  }

  /**
   * Reads a file that holds one {@code TensorProto}, as ONNX's test data do.
   *
   * @throws ModelException with every problem found
   */
  public static OnnxTensor readTensor(Bytes file) {
    OnnxReader reader = new OnnxReader(Optional.empty());
    Optional<OnnxTensor> tensor = reader.tensor(file, "the tensor file");
    if (tensor.isEmpty() || !reader.problems.isEmpty()) {
      throw new ModelException(reader.problems);
    }
    return tensor.get();
  }

  private OnnxModel readAll(Bytes file) {
    Optional<OnnxModel> model = Optional.empty();
    try {
      model = model(file);
    } catch (Abort e) {
      // The reason is among the problems.
    }
    if (model.isEmpty() || !problems.isEmpty()) {
      throw new ModelException(problems);
    }
    return model.get();
  }

  private Optional<OnnxModel> model(Bytes file) {
    long irVersion = 0;
    int functions = 0;
    String producer = "";
    Map<String, Long> opsets = new LinkedHashMap<>();
    Optional<OnnxGraph> graph = Optional.empty();
    Wire wire = new Wire(file);
    try {
      while (wire.next()) {
        switch (wire.field()) {
          case 1 -> irVersion = wire.varint();
          case 2 -> producer = wire.text();
          case 7 -> graph = Optional.of(graph(wire.chunk(), 1, ""));
          case 8 -> opset(wire.chunk(), opsets);
          case 25 -> {
            wire.skip();
            functions++;
          }
          default -> wire.skip();
        }
      }
    } catch (Wire.Malformed e) {
      report("", "", e.getMessage(), graph.isPresent() ? DAMAGED : beginning(file));
    }
    if (graph.isEmpty() && problems.isEmpty()) {
      report("", "", "the file holds no graph: it is not an ONNX model", beginning(file));
    }
    if (graph.isPresent() && opsets.isEmpty()) {
      report("", "", "the file names no operator set (opset_import)", DAMAGED);
    }
    long version = irVersion;
    String by = producer;
    int count = functions;
    return graph.map(
        g -> new OnnxModel(version, by, Collections.unmodifiableMap(opsets), count, g));
  }

  /** Says how the file begins, which tells a web page or a Git LFS pointer from a damaged model. */
  private static String beginning(Bytes file) {
    StringBuilder text = new StringBuilder();
    for (long i = 0; i < Math.min(24, file.size()); i++) {
      byte c = file.get(i);
      text.append(c >= 32 && c < 127 ? (char) c : '.');
    }
    return file.size() == 0
        ? "the file is empty"
        : "is this an .onnx file? It begins with \"" + text + "\"";
  }

  private void opset(Bytes message, Map<String, Long> opsets) {
    String domain = "";
    long version = 0;
    Wire wire = new Wire(message);
    while (wire.next()) {
      switch (wire.field()) {
        case 1 -> domain = wire.text();
        case 2 -> version = wire.varint();
        default -> wire.skip();
      }
    }
    count(1);
    opsets.put(plainDomain(domain), version);
  }

  /** ONNX's own operator set has two names. */
  private static String plainDomain(String domain) {
    return domain.equals("ai.onnx") ? "" : domain;
  }

  private OnnxGraph graph(Bytes message, int depth, String place) {
    if (depth > DEEPEST) {
      report(place, "", "graphs are nested more than " + DEEPEST + " deep", DAMAGED);
      throw new Abort();
    }
    String name = "";
    List<OnnxNode> nodes = new ArrayList<>();
    List<OnnxTensor> initializers = new ArrayList<>();
    List<OnnxValue> inputs = new ArrayList<>();
    List<OnnxValue> outputs = new ArrayList<>();
    Wire wire = new Wire(message);
    try {
      while (wire.next()) {
        switch (wire.field()) {
          case 1 -> nodes.add(node(near(wire.chunk()), depth, nodes.size()));
          case 2 -> name = wire.text();
          case 5 ->
              tensor(wire.chunk(), "initializer " + initializers.size())
                  .ifPresent(initializers::add);
          case 11 -> inputs.add(value(wire.chunk(), "input " + inputs.size()));
          case 12 -> outputs.add(value(wire.chunk(), "output " + outputs.size()));
          case 15 -> {
            wire.skip();
            report("graph '" + name + "'", "", "it has a sparse initializer", "make it dense");
          }
          default -> wire.skip();
        }
      }
    } catch (Wire.Malformed e) {
      report("graph '" + name + "' after node " + nodes.size(), "", e.getMessage(), DAMAGED);
    }
    return new OnnxGraph(
        name,
        List.copyOf(NodeOrder.topological(nodes)),
        List.copyOf(initializers),
        List.copyOf(inputs),
        List.copyOf(outputs));
  }

  /** A short message as an array: in a browser each byte of linear memory costs a call. */
  private static Bytes near(Bytes message) {
    return message.size() <= NEAR ? Bytes.of(message.toArray()) : message;
  }

  private OnnxNode node(Bytes message, int depth, int index) {
    count(1);
    String name = "";
    String domain = "";
    String op = "";
    List<String> inputs = new ArrayList<>(4);
    List<String> outputs = new ArrayList<>(2);
    Map<String, OnnxAttribute> attributes = new LinkedHashMap<>();
    Wire wire = new Wire(message);
    try {
      while (wire.next()) {
        switch (wire.field()) {
          case 1 -> addName(wire, inputs);
          case 2 -> addName(wire, outputs);
          case 3 -> name = wire.text();
          case 4 -> op = wire.text();
          case 5 ->
              attribute(wire.chunk(), depth, name.isEmpty() ? "node " + index : name, attributes);
          case 7 -> domain = plainDomain(wire.text());
          default -> wire.skip();
        }
      }
    } catch (Wire.Malformed e) {
      report(name.isEmpty() ? "node " + index : name, op, e.getMessage(), DAMAGED);
    }
    return new OnnxNode(
        name,
        domain,
        op,
        List.copyOf(inputs),
        List.copyOf(outputs),
        Collections.unmodifiableMap(attributes));
  }

  private void addName(Wire wire, List<String> target) {
    count(1);
    target.add(wire.text());
  }

  /** The fields of an {@code AttributeProto}, one of which matters: {@code kind} says which. */
  private final class AttributeFields {
    String name = "";
    String reference = "";
    long kind;
    float real;
    long integer;
    Optional<Bytes> text = Optional.empty();
    Optional<Bytes> tensor = Optional.empty();
    Optional<Bytes> graph = Optional.empty();
    final List<Float> reals = new ArrayList<>(0);
    final List<Long> integers = new ArrayList<>(0);
    final List<OnnxAttribute.Text> texts = new ArrayList<>(0);

    /** What the file did not say (before IR version 3): the kind of the last field that was set. */
    long guessed;

    void read(Bytes message) {
      Wire wire = new Wire(message);
      while (wire.next()) {
        int field = wire.field();
        switch (field) {
          case 1 -> name = wire.text();
          case 2 -> real = wire.real();
          case 3 -> integer = wire.varint();
          case 4 -> text = Optional.of(wire.chunk());
          case 5 -> tensor = Optional.of(wire.chunk());
          case 6 -> graph = Optional.of(wire.chunk());
          case 7 -> realsOf(wire);
          case 8 -> integersOf(wire);
          case 9 -> {
            count(1);
            texts.add(new OnnxAttribute.Text(wire.chunk()));
          }
          case 20 -> kind = wire.varint();
          case 21 -> reference = wire.text();
          default -> wire.skip();
        }
        guessed = field >= 2 && field <= 11 ? field - 1L : guessed;
      }
    }

    private void realsOf(Wire wire) {
      if (wire.type() != Wire.CHUNK) {
        count(1);
        reals.add(wire.real());
        return;
      }
      Wire packed = new Wire(wire.chunk());
      while (!packed.atEnd()) {
        count(1);
        reals.add(Float.intBitsToFloat((int) packed.fixed(4)));
      }
    }

    private void integersOf(Wire wire) {
      if (wire.type() != Wire.CHUNK) {
        count(1);
        integers.add(wire.varint());
        return;
      }
      Wire packed = new Wire(wire.chunk());
      while (!packed.atEnd()) {
        count(1);
        integers.add(packed.rawVarint());
      }
    }
  }

  private void attribute(
      Bytes message, int depth, String place, Map<String, OnnxAttribute> attributes) {
    count(1);
    AttributeFields fields = new AttributeFields();
    fields.read(message);
    String where = "attribute '" + fields.name + "' of node '" + place + "'";
    if (!fields.reference.isEmpty()) {
      report(where, "", "it refers to an attribute of a function", "inline the model's functions");
      return;
    }
    long kind = fields.kind == 0 ? fields.guessed : fields.kind;
    Bytes none = Bytes.of(new byte[0]);
    Optional<OnnxAttribute> value =
        switch (Math.clamp(kind, 0, 100)) {
          case 1 -> Optional.of(new OnnxAttribute.Real(fields.real));
          case 2 -> Optional.of(new OnnxAttribute.Int(fields.integer));
          case 3 -> Optional.of(new OnnxAttribute.Text(fields.text.orElse(none)));
          case 4 -> tensor(fields.tensor.orElse(none), where).map(OnnxAttribute.Tensor::new);
          case 5 ->
              Optional.of(
                  new OnnxAttribute.Body(graph(fields.graph.orElse(none), depth + 1, where)));
          case 6 -> Optional.of(new OnnxAttribute.Reals(List.copyOf(fields.reals)));
          case 7 -> Optional.of(new OnnxAttribute.Ints(List.copyOf(fields.integers)));
          case 8 -> Optional.of(new OnnxAttribute.Texts(List.copyOf(fields.texts)));
          default -> Optional.of(new OnnxAttribute.Other(kind));
        };
    value.ifPresent(v -> attributes.put(fields.name, v));
  }

  private OnnxValue value(Bytes message, String place) {
    count(1);
    String name = "";
    DataType type = DataType.UNDEFINED;
    Optional<List<OnnxValue.OnnxDim>> dims = Optional.empty();
    try {
      Wire wire = new Wire(message);
      while (wire.next()) {
        switch (wire.field()) {
          case 1 -> name = wire.text();
          case 2 -> {
            Wire kinds = new Wire(wire.chunk());
            while (kinds.next()) {
              if (kinds.field() != 1) {
                kinds.skip();
                continue;
              }
              Wire tensor = new Wire(kinds.chunk());
              while (tensor.next()) {
                switch (tensor.field()) {
                  case 1 -> type = DataType.ofCode(tensor.varint());
                  case 2 -> dims = Optional.of(dims(tensor.chunk()));
                  default -> tensor.skip();
                }
              }
            }
          }
          default -> wire.skip();
        }
      }
    } catch (Wire.Malformed e) {
      report(place + " '" + name + "'", "", e.getMessage(), DAMAGED);
    }
    return new OnnxValue(name, type, dims);
  }

  private List<OnnxValue.OnnxDim> dims(Bytes message) {
    List<OnnxValue.OnnxDim> dims = new ArrayList<>();
    Wire wire = new Wire(message);
    while (wire.next()) {
      if (wire.field() != 1) {
        wire.skip();
        continue;
      }
      long value = -1;
      String symbol = "";
      Wire dim = new Wire(wire.chunk());
      while (dim.next()) {
        switch (dim.field()) {
          case 1 -> value = dim.varint();
          case 2 -> symbol = dim.text();
          default -> dim.skip();
        }
      }
      if (dims.size() == TensorReader.MOST_AXES) {
        throw new Wire.Malformed("a shape has more than " + TensorReader.MOST_AXES + " axes");
      }
      // Some exporters write -1 for a size that is not known.
      if (value < -1) {
        throw new Wire.Malformed("an axis has the size " + value);
      }
      dims.add(new OnnxValue.OnnxDim(value, symbol));
    }
    return List.copyOf(dims);
  }

  private Optional<OnnxTensor> tensor(Bytes message, String place) {
    count(1);
    Optional<OnnxTensor> result = Optional.empty();
    try {
      result = tensors.read(message, place);
    } catch (Wire.Malformed e) {
      report(place, "", e.getMessage(), DAMAGED);
    }
    if (problems.size() >= MOST_PROBLEMS) {
      throw new Abort();
    }
    return result;
  }

  private void count(int more) {
    items += more;
    if (items > MOST_ITEMS) {
      report(
          "", "", "the file holds more than " + MOST_ITEMS + " nodes, names and numbers", DAMAGED);
      throw new Abort();
    }
  }

  private void report(String node, String operator, String text, String advice) {
    problems.add(new Problem(node, operator, text, advice));
    if (problems.size() >= MOST_PROBLEMS) {
      throw new Abort();
    }
  }
}
