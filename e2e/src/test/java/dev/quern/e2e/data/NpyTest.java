package dev.quern.e2e.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.onnx.DataType;
import java.nio.DoubleBuffer;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Files written by NumPy 2.4 are read, ours read back the same, and others are refused with a
 * reason.
 */
class NpyTest {
  /** {@code np.arange(6, dtype='<f8').reshape(2, 3) / 4}, version 2.0. */
  private static final String DOUBLES_V2 =
      "k05VTVBZAgB0AAAAeydkZXNjcic6ICc8ZjgnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAAAANA/AAAAAAAA4D8AAAAAAADoPwAAAAAAAPA/AAAAAAAA9D8=";

  /** {@code np.asfortranarray(np.arange(24, dtype='<i4').reshape(2, 3, 4))}. */
  private static final String FORTRAN =
      "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMywgNCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAADAAAAAQAAAAQAAAACAAAABQAAAABAAAADQAAAAUAAAARAAAACQAAABUAAAACAAAADgAAAAYAAAASAAAACgAAABYAAAADAAAADwAAAAcAAAATAAAACwAAABcAAAA=";

  /** {@code np.array(7, dtype='i8')}. */
  private static final String SCALAR =
      "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoHAAAAAAAAAA==";

  /** {@code np.array([True, False, True])}. */
  private static final String BOOLEANS =
      "k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAE=";

  /** {@code np.arange(3, dtype='u1')}, version 3.0. */
  private static final String BYTES_V3 =
      "k05VTVBZAwB0AAAAeydkZXNjcic6ICd8dTEnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMywpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAQI=";

  private static TensorData read(String base64) {
    return Npy.read(Base64.getDecoder().decode(base64), "a.npy");
  }

  @Test
  void readsWhatNumPyWrites() {
    TensorData doubles = read(DOUBLES_V2);
    assertThat(doubles.type()).isEqualTo(DataType.DOUBLE);
    assertThat(doubles.shape()).containsExactly(2L, 3L);
    assertThat(doubles.buffer().asDoubleBuffer())
        .isEqualTo(DoubleBuffer.wrap(new double[] {0, 0.25, 0.5, 0.75, 1, 1.25}));

    assertThat(read(SCALAR)).isEqualTo(TensorData.of(new long[] {7}));
    assertThat(read(BOOLEANS))
        .isEqualTo(new TensorData(DataType.BOOL, List.of(3L), new byte[] {1, 0, 1}));
    assertThat(read(BYTES_V3))
        .isEqualTo(new TensorData(DataType.UINT8, List.of(3L), new byte[] {0, 1, 2}));
  }

  @Test
  void turnsColumnMajorArraysAround() {
    TensorData tensor = read(FORTRAN);
    int[] counting = new int[24];
    Arrays.setAll(counting, i -> i);
    assertThat(tensor.shape()).containsExactly(2L, 3L, 4L);
    assertThat(tensor.buffer().asIntBuffer()).isEqualTo(IntBuffer.wrap(counting));
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "DOUBLE", "INT32", "INT64", "UINT8", "INT8", "BOOL", "FLOAT16"})
  void readsBackWhatItWrites(DataType type) {
    byte[] bytes = new byte[6 * type.bytes()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 37);
    }
    for (List<Long> shape : List.of(List.of(6L), List.of(2L, 3L), List.of(1L, 3L, 2L, 1L))) {
      TensorData tensor = new TensorData(type, shape, bytes);
      byte[] file = Npy.write(tensor);
      assertThat((file.length - bytes.length) % 64).isZero();
      assertThat(Npy.read(file, "b.npy")).isEqualTo(tensor);
    }
    TensorData empty = new TensorData(type, List.of(0L, 3L), new byte[0]);
    assertThat(Npy.read(Npy.write(empty), "c.npy")).isEqualTo(empty);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '"',
      value = {
        "'descr': '>f4', 'fortran_order': False, 'shape': (2,); big endian",
        "'descr': '<c8', 'fortran_order': False, 'shape': (1,); type '<c8' are not supported",
        "'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,); no usable 'descr'",
        "'descr': '<f4', 'fortran_order': False, 'shape': (3,); needs 12 bytes after the header, found 8",
        "'descr': '<f4', 'fortran_order': False, 'shape': (-2,); cannot have the shape",
        "'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999); too large",
        "'descr': '<f4', 'fortran_order': False, 'shape': (a,); not a list of numbers",
        "'descr': '<f4', 'shape': (2,); no usable 'fortran_order'",
      })
  void refusesOthersWithTheReason(String header, String reason) {
    byte[] text = ("{" + header + "}\n").getBytes(StandardCharsets.US_ASCII);
    byte[] file = new byte[10 + text.length + 8];
    System.arraycopy(
        new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (byte) text.length, 0},
        0,
        file,
        0,
        10);
    System.arraycopy(text, 0, file, 10, text.length);
    assertThatThrownBy(() -> Npy.read(file, "x.npy"))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("x.npy: ")
        .hasMessageContaining(reason);
  }

  @Test
  void refusesWhatIsNoArrayFile() {
    byte[] whole = Base64.getDecoder().decode(SCALAR);
    assertThatThrownBy(() -> Npy.read(new byte[100], "x"))
        .hasMessageContaining("not a NumPy array");
    assertThatThrownBy(() -> Npy.read(Arrays.copyOf(whole, 40), "x"))
        .hasMessageContaining("within its header");
    whole[6] = 9;
    assertThatThrownBy(() -> Npy.read(whole, "x")).hasMessageContaining("version 9");
  }
}
