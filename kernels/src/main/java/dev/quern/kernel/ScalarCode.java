package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.graph.ElementwiseOp;
import dev.quern.onnx.DataType;
import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import java.util.List;

/** Element-wise operations on single integers and doubles, and casts between all types. */
final class ScalarCode {
  private ScalarCode() {}

  /** Leaves the result on the stack. Integers narrower than 32 bits are kept sign-correct. */
  static void emit(Code code, ElementwiseOp op, DataType type, List<Local> operands) {
    if (type == DataType.DOUBLE && (op == ElementwiseOp.POW || op == ElementwiseOp.FMOD)) {
      code.get(operands.get(0)).get(operands.get(1));
      DoubleCode doubles = new DoubleCode(code);
      if (op == ElementwiseOp.POW) {
        doubles.pow();
      } else {
        doubles.fmod();
      }
      return;
    }
    boolean quotient =
        op == ElementwiseOp.DIV || op == ElementwiseOp.MOD || op == ElementwiseOp.FMOD;
    if (quotient && type != DataType.DOUBLE) {
      quotient(code, op, type, operands.get(0), operands.get(1));
      narrow(code, type);
      return;
    }
    for (Local operand : operands) {
      code.get(operand);
    }
    if (type == DataType.DOUBLE) {
      code.op(forDouble(op));
      return;
    }
    boolean wide = type == DataType.INT64 || type == DataType.UINT64;
    boolean unsigned = isUnsigned(type);
    switch (op) {
      case NEG -> {
        Local x = operands.get(0);
        code.op(DROP);
        zero(code, wide);
        code.get(x).op(wide ? I64_SUB : I32_SUB);
      }
      case ABS -> {
        Local x = operands.get(0);
        code.op(DROP);
        zero(code, wide);
        code.get(x).op(wide ? I64_SUB : I32_SUB).get(x).get(x);
        zero(code, wide);
        code.op(wide ? I64_LT_S : I32_LT_S, SELECT);
      }
      case SIGN -> {
        Local x = operands.get(0);
        zero(code, wide);
        code.op(pick(wide, unsigned, GREATER)).get(x);
        zero(code, wide);
        code.op(pick(wide, unsigned, LESS)).op(I32_SUB);
        if (wide) {
          code.op(I64_EXTEND_I32_S);
        }
      }
      case MIN -> extreme(code, operands, pick(wide, unsigned, LESS));
      case MAX -> extreme(code, operands, pick(wide, unsigned, GREATER));
      case RELU -> {
        zero(code, wide);
        code.get(operands.get(0));
        zero(code, wide);
        code.op(wide ? I64_GT_S : I32_GT_S, SELECT);
      }
      case ADD -> code.op(wide ? I64_ADD : I32_ADD);
      case SUB -> code.op(wide ? I64_SUB : I32_SUB);
      case MUL -> code.op(wide ? I64_MUL : I32_MUL);
      case BIT_AND -> code.op(wide ? I64_AND : I32_AND);
      case BIT_OR -> code.op(wide ? I64_OR : I32_OR);
      case BIT_XOR -> code.op(wide ? I64_XOR : I32_XOR);
      case BIT_NOT -> {
        number(code, wide, -1);
        code.op(wide ? I64_XOR : I32_XOR);
      }
      case SHIFT_LEFT, SHIFT_RIGHT -> {
        code.op(op == ElementwiseOp.SHIFT_LEFT ? I32_SHL : I32_SHR_U).i32(0);
        code.get(operands.get(1)).i32(32).op(I32_LT_U, SELECT);
      }
      case EQUAL -> code.op(wide ? I64_EQ : I32_EQ);
      case LESS -> code.op(pick(wide, unsigned, LESS));
      case LESS_EQUAL -> code.op(pick(wide, unsigned, LESS_EQUAL));
      case GREATER -> code.op(pick(wide, unsigned, GREATER));
      case GREATER_EQUAL -> code.op(pick(wide, unsigned, GREATER_EQUAL));
      default -> throw new KernelException(op + " is not made for " + type.label());
    }
    if (!op.isComparison()) {
      narrow(code, type);
    }
  }

  /**
   * Division towards 0 and remainders. By 0 they give 0, where the instruction would trap; and so
   * would the least number by -1, hence a product stands for both.
   */
  private static void quotient(Code code, ElementwiseOp op, DataType type, Local a, Local b) {
    boolean wide = type == DataType.INT64 || type == DataType.UINT64;
    boolean signed = !isUnsigned(type);
    ValueType width = wide ? ValueType.I64 : ValueType.I32;
    code.get(b);
    if (signed) {
      number(code, wide, 1);
      code.op(wide ? I64_ADD : I32_ADD);
      number(code, wide, 2);
      code.op(wide ? I64_LT_U : I32_LT_U);
    } else {
      code.op(wide ? I64_EQZ : I32_EQZ);
    }
    if (op == ElementwiseOp.DIV) {
      code.ifElse(
          width,
          () -> code.get(a).get(b).op(wide ? I64_MUL : I32_MUL),
          () -> code.get(a).get(b).op(pick(wide, !signed, DIVIDE)));
      return;
    }
    code.ifElse(
        width,
        () -> number(code, wide, 0),
        () -> code.get(a).get(b).op(pick(wide, !signed, REMAINDER)));
    if (op == ElementwiseOp.MOD && signed) {
      // The divisor's sign: add it where the remainder has the other one.
      Local rest = code.local(width, "rest");
      code.tee(rest).get(b);
      number(code, wide, 0);
      code.get(rest).get(b).op(wide ? I64_XOR : I32_XOR);
      number(code, wide, 0);
      code.op(wide ? I64_LT_S : I32_LT_S).get(rest);
      number(code, wide, 0);
      code.op(wide ? I64_NE : I32_NE, I32_AND, SELECT).op(wide ? I64_ADD : I32_ADD);
    }
  }

  private static boolean isUnsigned(DataType type) {
    return switch (type) {
      case UINT8, UINT16, UINT32, UINT64 -> true;
      default -> false;
    };
  }

  private static final Opcode[] DIVIDE = {I32_DIV_S, I32_DIV_U, I64_DIV_S, I64_DIV_U};
  private static final Opcode[] REMAINDER = {I32_REM_S, I32_REM_U, I64_REM_S, I64_REM_U};
  private static final Opcode[] LESS = {I32_LT_S, I32_LT_U, I64_LT_S, I64_LT_U};
  private static final Opcode[] LESS_EQUAL = {I32_LE_S, I32_LE_U, I64_LE_S, I64_LE_U};
  private static final Opcode[] GREATER = {I32_GT_S, I32_GT_U, I64_GT_S, I64_GT_U};
  private static final Opcode[] GREATER_EQUAL = {I32_GE_S, I32_GE_U, I64_GE_S, I64_GE_U};

  private static Opcode pick(boolean wide, boolean unsigned, Opcode[] row) {
    return row[(wide ? 2 : 0) + (unsigned ? 1 : 0)];
  }

  private static void zero(Code code, boolean wide) {
    number(code, wide, 0);
  }

  private static void number(Code code, boolean wide, int value) {
    if (wide) {
      code.i64(value);
    } else {
      code.i32(value);
    }
  }

  private static void extreme(Code code, List<Local> operands, Opcode comparison) {
    code.get(operands.get(0)).get(operands.get(1)).op(comparison, SELECT);
  }

  private static Opcode forDouble(ElementwiseOp op) {
    return switch (op) {
      case ADD -> F64_ADD;
      case SUB -> F64_SUB;
      case MUL -> F64_MUL;
      case DIV -> F64_DIV;
      case MIN -> F64_MIN;
      case MAX -> F64_MAX;
      case NEG -> F64_NEG;
      case ABS -> F64_ABS;
      case SQRT -> F64_SQRT;
      case FLOOR -> F64_FLOOR;
      case CEIL -> F64_CEIL;
      case ROUND -> F64_NEAREST;
      case EQUAL -> F64_EQ;
      case LESS -> F64_LT;
      case LESS_EQUAL -> F64_LE;
      case GREATER -> F64_GT;
      case GREATER_EQUAL -> F64_GE;
      default -> throw new KernelException(op + " is not made for f64");
    };
  }

  /** Wraps an i32 to the type's own width, so that later comparisons see its value. */
  private static void narrow(Code code, DataType type) {
    switch (type) {
      case INT8 -> code.op(I32_EXTEND8_S);
      case INT16 -> code.op(I32_EXTEND16_S);
      case UINT8 -> code.i32(0xff).op(I32_AND);
      case UINT16 -> code.i32(0xffff).op(I32_AND);
      default -> {}
    }
  }

  /** Converts the value on the stack. Reals go to integers towards 0, saturating; NaN gives 0. */
  static void cast(Code code, DataType from, DataType to) {
    if (from == to) {
      return;
    }
    boolean fromWide = from == DataType.INT64 || from == DataType.UINT64;
    if (to == DataType.BOOL) {
      switch (from) {
        case FLOAT -> code.f32(0).op(F32_NE);
        case DOUBLE -> code.f64(0).op(F64_NE);
        case INT64, UINT64 -> code.i64(0).op(I64_NE);
        default -> code.i32(0).op(I32_NE);
      }
      return;
    }
    switch (to) {
      case FLOAT ->
          code.op(
              from == DataType.DOUBLE
                  ? F32_DEMOTE_F64
                  : from == DataType.UINT64
                      ? F32_CONVERT_I64_U
                      : fromWide
                          ? F32_CONVERT_I64_S
                          : from == DataType.UINT32 ? F32_CONVERT_I32_U : F32_CONVERT_I32_S);
      case DOUBLE ->
          code.op(
              from == DataType.FLOAT
                  ? F64_PROMOTE_F32
                  : from == DataType.UINT64
                      ? F64_CONVERT_I64_U
                      : fromWide
                          ? F64_CONVERT_I64_S
                          : from == DataType.UINT32 ? F64_CONVERT_I32_U : F64_CONVERT_I32_S);
      case INT64, UINT64 -> {
        boolean unsigned = to == DataType.UINT64;
        if (from == DataType.FLOAT) {
          code.op(unsigned ? I64_TRUNC_SAT_F32_U : I64_TRUNC_SAT_F32_S);
        } else if (from == DataType.DOUBLE) {
          code.op(unsigned ? I64_TRUNC_SAT_F64_U : I64_TRUNC_SAT_F64_S);
        } else if (!fromWide) {
          code.op(from == DataType.UINT32 ? I64_EXTEND_I32_U : I64_EXTEND_I32_S);
        }
      }
      default -> {
        boolean unsigned = to == DataType.UINT32;
        if (from == DataType.FLOAT) {
          code.op(unsigned ? I32_TRUNC_SAT_F32_U : I32_TRUNC_SAT_F32_S);
        } else if (from == DataType.DOUBLE) {
          code.op(unsigned ? I32_TRUNC_SAT_F64_U : I32_TRUNC_SAT_F64_S);
        } else if (fromWide) {
          code.op(I32_WRAP_I64);
        }
        narrow(code, to);
      }
    }
  }

  /** Loads one element of a type from the address on the stack. */
  static void load(Code code, DataType type) {
    if (type == DataType.FLOAT16) {
      code.mem(I32_LOAD16_U, 0);
      ScalarHalves.widen(code);
      return;
    }
    code.mem(
        switch (type) {
          case FLOAT -> F32_LOAD;
          case DOUBLE -> F64_LOAD;
          case INT64, UINT64 -> I64_LOAD;
          case INT32, UINT32 -> I32_LOAD;
          case INT16 -> I32_LOAD16_S;
          case UINT16 -> I32_LOAD16_U;
          case INT8 -> I32_LOAD8_S;
          case UINT8, BOOL -> I32_LOAD8_U;
          default -> throw new KernelException("no kernel reads " + type.label());
        },
        0);
  }

  /** Stores one element: address and value are on the stack. */
  static void store(Code code, DataType type) {
    if (type == DataType.FLOAT16) {
      ScalarHalves.narrow(code);
      code.mem(I32_STORE16, 0);
      return;
    }
    code.mem(
        switch (type) {
          case FLOAT -> F32_STORE;
          case DOUBLE -> F64_STORE;
          case INT64, UINT64 -> I64_STORE;
          case INT32, UINT32 -> I32_STORE;
          case INT16, UINT16 -> I32_STORE16;
          case INT8, UINT8, BOOL -> I32_STORE8;
          default -> throw new KernelException("no kernel writes " + type.label());
        },
        0);
  }
}
