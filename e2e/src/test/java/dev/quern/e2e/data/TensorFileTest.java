package dev.quern.e2e.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import dev.quern.onnx.DataType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** TensorProto files keep their elements raw or in a typed field; both give the same tensor. */
class TensorFileTest {
  @TempDir Path folder;

  @Test
  void readsTypedFields() {
    TensorProto floats =
        TensorProto.newBuilder()
            .setDataType(1)
            .addDims(2)
            .addDims(1)
            .addFloatData(1.5f)
            .addFloatData(-2)
            .build();
    assertThat(TensorFile.readProto(floats.toByteArray(), "f.pb"))
        .isEqualTo(TensorData.of(new float[] {1.5f, -2}, 2, 1));

    TensorProto longs =
        TensorProto.newBuilder()
            .setDataType(7)
            .addDims(2)
            .addInt64Data(-1)
            .addInt64Data(1L << 40)
            .build();
    assertThat(TensorFile.readProto(longs.toByteArray(), "l.pb"))
        .isEqualTo(TensorData.of(new long[] {-1, 1L << 40}, 2));

    TensorProto bytes =
        TensorProto.newBuilder()
            .setDataType(3)
            .addDims(2)
            .addInt32Data(-1)
            .addInt32Data(127)
            .build();
    assertThat(TensorFile.readProto(bytes.toByteArray(), "b.pb"))
        .isEqualTo(new TensorData(DataType.INT8, List.of(2L), new byte[] {-1, 127}));
  }

  @Test
  void readsBackWhatItWritesInBothFormats() {
    TensorData tensor = TensorData.of(new float[] {1, 2, 3, 4, 5, 6}, 3, 2);
    for (String name : List.of("t.npy", "t.pb")) {
      Path file = folder.resolve(name);
      TensorFile.write(file, "t", tensor);
      assertThat(TensorFile.read(file)).isEqualTo(tensor);
    }
  }

  @Test
  void refusesWhatItCannotUse() throws Exception {
    assertThatThrownBy(() -> TensorFile.read(Path.of("a.txt")))
        .hasMessageContaining(".npy (NumPy) or .pb");
    assertThatThrownBy(() -> TensorFile.read(folder.resolve("absent.npy")))
        .hasMessageContaining("cannot be read");
    Path noise = Files.write(folder.resolve("noise.pb"), new byte[] {(byte) 0xff, (byte) 0xff, 1});
    assertThatThrownBy(() -> TensorFile.read(noise))
        .hasMessageContaining("not an ONNX TensorProto");
    byte[] strings =
        TensorProto.newBuilder()
            .setDataType(8)
            .addStringData(ByteString.copyFromUtf8("a"))
            .build()
            .toByteArray();
    assertThatThrownBy(() -> TensorFile.readProto(strings, "s.pb")).hasMessageContaining("string");
    byte[] tooFew =
        TensorProto.newBuilder().setDataType(1).addDims(3).addFloatData(1).build().toByteArray();
    assertThatThrownBy(() -> TensorFile.readProto(tooFew, "few.pb"))
        .hasMessageContaining("few.pb: ")
        .hasMessageContaining("needs 12 bytes, found 4");
  }
}
