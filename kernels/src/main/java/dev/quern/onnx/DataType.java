package dev.quern.onnx;

/**
 * The element types of ONNX tensors, with their codes in {@code TensorProto.DataType}.
 *
 * @see <a href="https://github.com/onnx/onnx/blob/main/onnx/onnx.proto">onnx.proto</a>
 */
public enum DataType {
  UNDEFINED(0, 0, "undefined"),
  FLOAT(1, 32, "f32"),
  UINT8(2, 8, "u8"),
  INT8(3, 8, "i8"),
  UINT16(4, 16, "u16"),
  INT16(5, 16, "i16"),
  INT32(6, 32, "i32"),
  INT64(7, 64, "i64"),
  STRING(8, 0, "string"),
  BOOL(9, 8, "bool"),
  FLOAT16(10, 16, "f16"),
  DOUBLE(11, 64, "f64"),
  UINT32(12, 32, "u32"),
  UINT64(13, 64, "u64"),
  COMPLEX64(14, 64, "c64"),
  COMPLEX128(15, 128, "c128"),
  BFLOAT16(16, 16, "bf16"),
  FLOAT8E4M3FN(17, 8, "f8e4m3fn"),
  FLOAT8E4M3FNUZ(18, 8, "f8e4m3fnuz"),
  FLOAT8E5M2(19, 8, "f8e5m2"),
  FLOAT8E5M2FNUZ(20, 8, "f8e5m2fnuz"),
  UINT4(21, 4, "u4"),
  INT4(22, 4, "i4"),
  FLOAT4E2M1(23, 4, "f4e2m1");

  private static final DataType[] BY_CODE = values();

  private final int code;
  private final int bits;
  private final String label;

  DataType(int code, int bits, String label) {
    this.code = code;
    this.bits = bits;
    this.label = label;
  }

  /** The type with this code in ONNX files, or {@link #UNDEFINED} for a code nobody knows. */
  public static DataType ofCode(long code) {
    return code < 0 || code >= BY_CODE.length ? UNDEFINED : BY_CODE[(int) code];
  }

  /** The type with this label, such as {@code "f32"}, or {@link #UNDEFINED}. */
  public static DataType ofLabel(String label) {
    for (DataType type : BY_CODE) {
      if (type.label.equals(label)) {
        return type;
      }
    }
    return UNDEFINED;
  }

  /** The code in ONNX files. */
  public int code() {
    return code;
  }

  /** Bits of an element; 0 for {@link #UNDEFINED} and {@link #STRING}. */
  public int bits() {
    return bits;
  }

  /** Bytes of an element, rounded up to one for the 4-bit types, which are packed in pairs. */
  public int bytes() {
    return (bits + 7) / 8;
  }

  /** A short name: {@code f32}, {@code i64}. */
  public String label() {
    return label;
  }

  /** Whether this is one of the real types that Quern computes in: f32, f64, f16 or bf16. */
  public boolean isFloating() {
    return this == FLOAT || this == DOUBLE || this == FLOAT16 || this == BFLOAT16;
  }

  /** Whether this is an integer type without negative numbers. */
  public boolean isUnsigned() {
    return switch (this) {
      case UINT8, UINT16, UINT32, UINT64 -> true;
      default -> false;
    };
  }

  /** Whether this is an integer type of 8 to 64 bits, signed or not; bool is none. */
  public boolean isInteger() {
    return switch (this) {
      case UINT8, INT8, UINT16, INT16, INT32, INT64, UINT32, UINT64 -> true;
      default -> false;
    };
  }
}
