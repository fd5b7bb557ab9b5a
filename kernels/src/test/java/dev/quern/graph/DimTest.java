package dev.quern.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DimTest {
  private static final Dim B = Dim.symbol("b");
  private static final Dim S = Dim.symbol("s");

  @Test
  void isCanonical() {
    assertThat(B.plus(S).times(B.plus(S)))
        .isEqualTo(B.times(B).plus(S.times(S)).plus(B.times(S).times(Dim.of(2))));
    assertThat(B.minus(B)).isEqualTo(Dim.ZERO);
    assertThat(S.times(B).toString()).isEqualTo("b*s");
    assertThat(Dim.of(12).times(B).minus(Dim.of(3)).toString()).isEqualTo("12*b - 3");
    assertThat(Dim.ZERO.minus(B).toString()).isEqualTo("-b");
  }

  @Test
  void dividesExactlyWherePossible() {
    Dim size = B.times(S).times(Dim.of(384));
    assertThat(size.dividedBy(B)).isEqualTo(S.times(Dim.of(384)));
    assertThat(size.dividedBy(B.times(S).times(Dim.of(12)))).isEqualTo(Dim.of(32));
    assertThat(size.plus(B).dividedBy(B)).isEqualTo(S.times(Dim.of(384)).plus(Dim.ONE));
    Dim sum = B.plus(S).plus(Dim.ONE);
    assertThat(sum.times(S.plus(Dim.of(7))).dividedBy(sum)).isEqualTo(S.plus(Dim.of(7)));
    assertThat(S.times(Dim.of(12)).plus(Dim.of(5)).dividedBy(Dim.of(12))).isEqualTo(S);
    assertThat(S.plus(Dim.of(9)).dividedBy(Dim.of(4)).toString()).isEqualTo("floor(s + 1, 4) + 2");
    assertThatThrownBy(() -> S.dividedBy(Dim.ZERO)).isInstanceOf(ArithmeticException.class);
  }

  @Test
  void provesOrder() {
    assertThat(B.isAtLeast(Dim.ONE)).isTrue();
    assertThat(B.isAtLeast(Dim.of(2))).isFalse();
    assertThat(B.plus(S).isAtLeast(S)).isTrue();
    assertThat(S.isAtLeast(B)).isFalse();
    assertThat(S.plus(Dim.ONE).differsFrom(S)).isTrue();
    assertThat(S.differsFrom(B)).isFalse();
    assertThat(S.differsFrom(Dim.of(-1))).isTrue();
    assertThat(S.minus(Dim.ONE).max(Dim.ZERO)).isEqualTo(S.minus(Dim.ONE));
    assertThat(S.min(S.plus(B))).isEqualTo(S);
    assertThat(S.min(Dim.of(512)).toString()).isEqualTo("min(512, s)");
    assertThat(S.min(Dim.of(512))).isEqualTo(Dim.of(512).min(S));
  }

  /** Random expressions mean the same whether they are simplified first or evaluated at once. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void evaluatesAsItsPartsDo(long seed) {
    Random random = new Random(seed);
    for (int round = 0; round < 300; round++) {
      Map<String, Long> symbols = Map.of("b", 1L + random.nextInt(5), "s", 1L + random.nextInt(9));
      List<Dim> dims = new ArrayList<>(List.of(B, S, Dim.of(random.nextInt(7) - 2), Dim.of(3)));
      List<Long> values = new ArrayList<>();
      dims.forEach(d -> values.add(d.evaluate(symbols)));
      for (int i = 0; i < 6; i++) {
        int x = random.nextInt(dims.size());
        int y = random.nextInt(dims.size());
        Dim a = dims.get(x);
        Dim b = dims.get(y);
        long u = values.get(x);
        long v = values.get(y);
        switch (random.nextInt(6)) {
          case 0 -> add(dims, a.plus(b), values, u + v);
          case 1 -> add(dims, a.minus(b), values, u - v);
          case 2 -> add(dims, a.times(b), values, u * v);
          case 3 -> add(dims, a.min(b), values, Math.min(u, v));
          case 4 -> add(dims, a.max(b), values, Math.max(u, v));
          default -> {
            if (v > 0 && b.isAtLeast(Dim.ONE)) {
              add(dims, a.dividedBy(b), values, Math.floorDiv(u, v));
            }
          }
        }
        assertThat(dims.getLast().evaluate(symbols))
            .as(dims.getLast().toString())
            .isEqualTo(values.getLast());
      }
    }
  }

  private static void add(List<Dim> dims, Dim dim, List<Long> values, long value) {
    dims.add(dim);
    values.add(value);
  }

  @Test
  void refusesWhatDoesNotFit() {
    Dim huge = Dim.of(Long.MAX_VALUE);
    assertThatThrownBy(() -> huge.plus(Dim.ONE)).isInstanceOf(ArithmeticException.class);
    assertThatThrownBy(() -> huge.times(S).times(Dim.of(2)))
        .isInstanceOf(ArithmeticException.class);
    assertThatThrownBy(() -> S.evaluate(Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("s");
    Dim sum = Dim.ZERO;
    for (int i = 0; i < Dim.MOST_TERMS; i++) {
      sum = sum.plus(Dim.symbol("x" + i));
    }
    Dim full = sum;
    assertThatThrownBy(() -> full.plus(S)).isInstanceOf(ArithmeticException.class);
  }
}
