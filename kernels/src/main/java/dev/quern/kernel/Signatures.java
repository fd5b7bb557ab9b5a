package dev.quern.kernel;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.ElementwiseProgram.Instruction;
import dev.quern.onnx.DataType;
import dev.quern.onnx.Lists;
import java.util.ArrayList;
import java.util.List;

/** Short, stable text for element-wise programs, the same on the JVM and in the browser. */
final class Signatures {
  private Signatures() {}

  /** Such as {@code f32,f32;ADD(0,1);ERF(2)}; constants by their bits. */
  static String of(ElementwiseProgram program) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < program.inputs().size(); i++) {
      text.append(i == 0 ? "" : ",").append(program.inputs().get(i).label());
    }
    for (Instruction step : program.instructions()) {
      text.append(';').append(step.op().name());
      if (step.op() == ElementwiseOp.CONSTANT) {
        text.append('#').append(Double.doubleToRawLongBits(step.number()));
        text.append(step.type() == DataType.FLOAT ? "" : step.type().label());
      } else {
        for (int i = 0; i < step.operands().size(); i++) {
          text.append(i == 0 ? '(' : ',').append(step.operands().get(i).intValue());
        }
        text.append(')');
      }
      if (step.op() == ElementwiseOp.CAST) {
        text.append(step.type().label());
      }
    }
    return text.toString();
  }

  /** Such as {@code [VECTOR, SPLAT]}. */
  static String names(List<? extends Enum<?>> values) {
    List<String> names = new ArrayList<>();
    for (Enum<?> value : values) {
      names.add(value.name());
    }
    return Lists.text(names);
  }

  /** Such as {@code [true, false]}. */
  static String flags(List<Boolean> flags) {
    List<String> names = new ArrayList<>();
    for (boolean flag : flags) {
      names.add(flag ? "true" : "false");
    }
    return Lists.text(names);
  }
}
