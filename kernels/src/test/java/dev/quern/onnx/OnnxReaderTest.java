package dev.quern.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OnnxReaderTest {
  private static final ByteString SIX_FLOATS = ModelBuilder.tensor(new float[6], 6).getRawData();

  private static ModelBuilder small() {
    return new ModelBuilder(13)
        .input("x", DataType.FLOAT, "batch", "4")
        .output("y", DataType.FLOAT)
        .constant("w", new long[] {4, 2}, 1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f)
        .constant("shape", new long[] {2}, 0L, -1L)
        .node("MatMul", List.of("x", "w"), List.of("m"))
        .node("Reshape", List.of("m", "shape"), List.of("r"))
        .node("LeakyRelu", List.of("r"), List.of("y"), "alpha", 0.25f);
  }

  private static ModelException failure(byte[] file) {
    return catchThrowableOfType(ModelException.class, () -> OnnxReader.read(Bytes.of(file)));
  }

  @Test
  void readsWhatProtobufReads() throws Exception {
    byte[] file = MiniLm.file();
    assertSame(OnnxReader.read(Bytes.of(file)), ModelProto.parseFrom(file));
  }

  @Test
  void readsAttributesOfEveryKind() throws Exception {
    byte[] file =
        small()
            .node(
                "Odd",
                List.of("y", ""),
                List.of("z"),
                "i",
                -3,
                "f",
                1.5f,
                "s",
                "häßlich",
                "is",
                new long[] {1, -1, Long.MIN_VALUE},
                "fs",
                new float[] {Float.NaN, 2f},
                "t",
                ModelBuilder.tensor(new float[] {1, 2}, 2),
                "g",
                small().graph().build())
            .build();
    assertSame(OnnxReader.read(Bytes.of(file)), ModelProto.parseFrom(file));
  }

  @Test
  void weightsAreViewsOfTheFile() {
    byte[] file = small().build();
    OnnxTensor weight = OnnxReader.read(Bytes.of(file)).graph().initializers().getFirst();
    assertThat(weight.data().getFloat(4)).isEqualTo(2f);
    for (int i = 0; i < file.length - 3; i++) {
      if (Bytes.of(file).getFloat(i) == 2f) {
        file[i + 3] = 65; // 2f becomes 8f
      }
    }
    assertThat(weight.data().getFloat(4)).isEqualTo(8f);
  }

  @Test
  void normalisesTypedFields() {
    TensorProto floats =
        TensorProto.newBuilder()
            .setDataType(1)
            .addDims(2)
            .addFloatData(1.5f)
            .addFloatData(-2f)
            .build();
    TensorProto doubles = TensorProto.newBuilder().setDataType(11).addDoubleData(1e300).build();
    TensorProto longs =
        TensorProto.newBuilder()
            .setDataType(7)
            .addDims(3)
            .addInt64Data(-1)
            .addInt64Data(1L << 40)
            .addInt64Data(7)
            .build();
    TensorProto bools =
        TensorProto.newBuilder().setDataType(9).addDims(2).addInt32Data(1).addInt32Data(0).build();
    TensorProto ints =
        TensorProto.newBuilder().setDataType(6).addDims(2).addInt32Data(-5).addInt32Data(6).build();
    TensorProto bytes = TensorProto.newBuilder().setDataType(3).addDims(1).addInt32Data(-5).build();
    assertThat(read(floats).data().getFloat(4)).isEqualTo(-2f);
    assertThat(read(doubles).data().getDouble(0)).isEqualTo(1e300);
    assertThat(read(longs).data().getLong(8)).isEqualTo(1L << 40);
    assertThat(read(longs).data().getLong(0)).isEqualTo(-1);
    assertThat(read(bools).data().toArray()).containsExactly(1, 0);
    assertThat(read(ints).data().getInt(0)).isEqualTo(-5);
    assertThat(read(bytes).data().toArray()).containsExactly(-5);
  }

  @Test
  void normalisesFieldsThatAreNotPacked() {
    // data_type = INT64, dims = 2 (not packed), int64_data = 3 and 300, each with its own tag.
    byte[] message = {0x10, 7, 0x08, 2, 0x38, 3, 0x38, (byte) 0xAC, 2};
    OnnxTensor tensor = OnnxReader.readTensor(Bytes.of(message));
    assertThat(tensor.dims()).containsExactly(2);
    assertThat(tensor.data().getLong(0)).isEqualTo(3);
    assertThat(tensor.data().getLong(8)).isEqualTo(300);
    // float_data in two chunks, the first not packed.
    byte[] floats = {0x10, 1, 0x08, 2, 0x25, 0, 0, (byte) 0x80, 0x3F, 0x22, 4, 0, 0, 0, 0x40};
    OnnxTensor pair = OnnxReader.readTensor(Bytes.of(floats));
    assertThat(pair.data().getFloat(0)).isEqualTo(1f);
    assertThat(pair.data().getFloat(4)).isEqualTo(2f);
  }

  @Test
  void readsExternalData() {
    byte[] file = external("weights.bin", "4").build();
    byte[] weights = new byte[36];
    weights[4 + 8] = 9;
    OnnxModel model =
        OnnxReader.read(
            Bytes.of(file),
            location -> {
              assertThat(location).isEqualTo("weights.bin");
              return Bytes.of(weights);
            });
    assertThat(model.graph().initializers().getFirst().data().get(8)).isEqualTo((byte) 9);
  }

  @Test
  void refusesBadExternalData() {
    assertThat(failure(external("weights.bin", "0").build()))
        .hasMessageContaining("'w'")
        .hasMessageContaining("weights.bin")
        .hasMessageContaining("give that file too");
    Bytes tooShort = Bytes.of(new byte[8]);
    assertThatThrownBy(
            () -> OnnxReader.read(Bytes.of(external("a.bin", "0").build()), l -> tooShort))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("cut off");
    for (String path : List.of("../secret", "/etc/passwd", "a/../../b", "", "c:x", "a\\b")) {
      assertThatThrownBy(
              () -> OnnxReader.read(Bytes.of(external(path, "0").build()), l -> tooShort))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("outside of the model's folder");
    }
    assertThatThrownBy(() ->
            OnnxReader.read(
                Bytes.of(external("a.bin", "0").build()),
                l -> {
                  throw new UncheckedIOException(new java.io.IOException("no such file"));
                }))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("no such file");
  }

  private static ModelBuilder external(String location, String offset) {
    TensorProto tensor =
        TensorProto.newBuilder()
            .setDataType(1)
            .addDims(4)
            .addDims(2)
            .setDataLocation(TensorProto.DataLocation.EXTERNAL)
            .addExternalData(entry("location", location))
            .addExternalData(entry("offset", offset))
            .addExternalData(entry("length", "32"))
            .build();
    return new ModelBuilder(13).constant("w", tensor);
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  @Test
  void listsEveryProblemTogether() {
    ModelBuilder model = small();
    model.constant(
        "short", TensorProto.newBuilder().setDataType(1).addDims(7).setRawData(SIX_FLOATS).build());
    model.constant(
        "negative",
        TensorProto.newBuilder().setDataType(1).addDims(-6).setRawData(SIX_FLOATS).build());
    model.constant(
        "huge",
        TensorProto.newBuilder().setDataType(1).addDims(1L << 40).addDims(1L << 40).build());
    model.constant(
        "strange",
        TensorProto.newBuilder().setDataType(99).addDims(6).setRawData(SIX_FLOATS).build());
    model.constant(
        "field", TensorProto.newBuilder().setDataType(1).addDims(1).addInt64Data(6).build());
    model.constant(
        "few", TensorProto.newBuilder().setDataType(7).addDims(1 << 30).addInt64Data(6).build());
    ModelException e = failure(model.build());
    assertThat(e.problems()).hasSize(6);
    assertThat(e)
        .hasMessageContaining("6 problems")
        .hasMessageContaining("'short': it has 24 bytes of data where f32 [7] needs 28")
        .hasMessageContaining("'negative'")
        .hasMessageContaining("'huge'")
        .hasMessageContaining("element type 99 is unknown")
        .hasMessageContaining("lie in field 7, not 4")
        .hasMessageContaining("fewer elements");
  }

  @Test
  void saysWhatAFileIsThatIsNoModel() {
    assertThat(failure("<!DOCTYPE html><title>404".getBytes(StandardCharsets.UTF_8)))
        .hasMessageContaining("<!DOCTYPE html>");
    assertThat(failure(new byte[0])).hasMessageContaining("the file is empty");
  }

  @Test
  void boundsDepthAndCounts() {
    GraphProto body = GraphProto.getDefaultInstance();
    for (int i = 0; i < 30; i++) {
      body =
          GraphProto.newBuilder()
              .addNode(NodeProto.newBuilder().addAttribute(ModelBuilder.attribute("b", body)))
              .build();
    }
    ModelBuilder deep = new ModelBuilder(13);
    deep.graph().mergeFrom(body);
    assertThat(failure(deep.build())).hasMessageContaining("nested more than");

    ModelBuilder wide = new ModelBuilder(13);
    wide.node("Odd", List.of(), List.of(), "ints", new long[OnnxReader.MOST_ITEMS + 1]);
    assertThat(failure(wide.build())).hasMessageContaining("more than " + OnnxReader.MOST_ITEMS);

    TensorProto.Builder tensor = TensorProto.newBuilder().setDataType(1);
    for (int i = 0; i < 100; i++) {
      tensor.addDims(1);
    }
    assertThat(failure(new ModelBuilder(13).constant("t", tensor.build()).build()))
        .hasMessageContaining("more than 64 axes");
  }

  @Test
  void reportsTruncationAtEveryByte() {
    byte[] file = small().build();
    for (int length = 0; length < file.length; length++) {
      readOrFail(Arrays.copyOf(file, length));
    }
    // Cut within the graph, the message says so.
    assertThat(failure(Arrays.copyOf(file, file.length / 2))).hasMessageContaining("cut off");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void survivesMutations(long seed) {
    Random random = new Random(seed);
    byte[] file =
        small()
            .node(
                "Odd", List.of("y"), List.of("z"), "g", small().graph().build(), "is", new long[9])
            .constant(
                "i",
                TensorProto.newBuilder()
                    .setDataType(7)
                    .addDims(2)
                    .addInt64Data(1)
                    .addInt64Data(2)
                    .build())
            .build();
    for (int round = 0; round < 2000; round++) {
      byte[] mutant = Arrays.copyOf(file, file.length);
      int changes = 1 + random.nextInt(4);
      for (int i = 0; i < changes; i++) {
        int at = random.nextInt(mutant.length);
        mutant[at] =
            switch (random.nextInt(3)) {
              case 0 -> (byte) random.nextInt();
              case 1 -> (byte) (mutant[at] ^ 1 << random.nextInt(8));
              default -> (byte) 0xFF;
            };
      }
      readOrFail(mutant);
    }
  }

  /** Any exception but {@link ModelException} fails the test. */
  private static void readOrFail(byte[] file) {
    try {
      OnnxReader.read(Bytes.of(file));
    } catch (ModelException e) {
      assertThat(e.problems()).isNotEmpty();
    }
  }

  private static OnnxTensor read(TensorProto tensor) {
    return OnnxReader.readTensor(Bytes.of(tensor.toByteArray()));
  }

  private static void assertSame(OnnxModel actual, ModelProto expected) {
    assertThat(actual.irVersion()).isEqualTo(expected.getIrVersion());
    assertThat(actual.producer()).isEqualTo(expected.getProducerName());
    assertThat(actual.opsets()).hasSize(expected.getOpsetImportCount());
    assertThat(actual.opsets().get("")).isEqualTo(expected.getOpsetImport(0).getVersion());
    assertSame(actual.graph(), expected.getGraph());
  }

  private static void assertSame(OnnxGraph actual, GraphProto expected) {
    assertThat(actual.nodes()).hasSize(expected.getNodeCount());
    for (int i = 0; i < expected.getNodeCount(); i++) {
      OnnxNode node = actual.nodes().get(i);
      NodeProto wanted = expected.getNode(i);
      assertThat(node.name()).isEqualTo(wanted.getName());
      assertThat(node.op()).isEqualTo(wanted.getOpType());
      assertThat(node.inputs()).isEqualTo(List.copyOf(wanted.getInputList()));
      assertThat(node.outputs()).isEqualTo(List.copyOf(wanted.getOutputList()));
      assertThat(node.attributes()).hasSize(wanted.getAttributeCount());
      for (AttributeProto attribute : wanted.getAttributeList()) {
        assertSame(node.attributes().get(attribute.getName()), attribute);
      }
    }
    assertThat(actual.initializers()).hasSize(expected.getInitializerCount());
    for (int i = 0; i < expected.getInitializerCount(); i++) {
      assertSame(actual.initializers().get(i), expected.getInitializer(i));
    }
    assertThat(actual.inputs()).hasSize(expected.getInputCount());
    for (int i = 0; i < expected.getInputCount(); i++) {
      var tensor = expected.getInput(i).getType().getTensorType();
      OnnxValue value = actual.inputs().get(i);
      assertThat(value.name()).isEqualTo(expected.getInput(i).getName());
      assertThat(value.type().code()).isEqualTo(tensor.getElemType());
      assertThat(value.dims().orElseThrow()).hasSize(tensor.getShape().getDimCount());
      for (int j = 0; j < tensor.getShape().getDimCount(); j++) {
        var dim = tensor.getShape().getDim(j);
        assertThat(value.dims().orElseThrow().get(j))
            .isEqualTo(
                new OnnxValue.OnnxDim(
                    dim.hasDimValue() ? dim.getDimValue() : -1, dim.getDimParam()));
      }
    }
    assertThat(actual.outputs()).hasSize(expected.getOutputCount());
  }

  private static void assertSame(OnnxAttribute actual, AttributeProto expected) {
    switch (actual) {
      case OnnxAttribute.Int a -> assertThat(a.value()).isEqualTo(expected.getI());
      case OnnxAttribute.Real a -> assertThat(a.value()).isEqualTo(expected.getF());
      case OnnxAttribute.Text a -> assertThat(a.value()).isEqualTo(expected.getS().toStringUtf8());
      case OnnxAttribute.Ints a -> assertThat(a.value()).isEqualTo(expected.getIntsList());
      case OnnxAttribute.Reals a -> assertThat(a.value()).isEqualTo(expected.getFloatsList());
      case OnnxAttribute.Tensor a -> assertSame(a.value(), expected.getT());
      case OnnxAttribute.Body a -> assertSame(a.value(), expected.getG());
      default -> throw new AssertionError(actual);
    }
  }

  private static void assertSame(OnnxTensor actual, TensorProto expected) {
    assertThat(actual.name()).isEqualTo(expected.getName());
    assertThat(actual.type().code()).isEqualTo(expected.getDataType());
    assertThat(actual.dims())
        .isEqualTo(expected.getDimsList().stream().mapToLong(Long::longValue).toArray());
    byte[] raw = expected.getRawData().toByteArray();
    assertThat(actual.data().size()).isEqualTo(raw.length);
    assertThat(Arrays.equals(actual.data().toArray(), raw)).isTrue();
  }
}
