package dev.quern.kernel;

import java.util.List;

/**
 * An odd function as {@code x · odd(x²) / even(x²)} on {@code -bound..bound}, beyond which it is
 * constant; both back ends compute it so. Coefficients come highest power first.
 */
public record Rational(float bound, List<Float> odd, List<Float> even) {
  public Rational {
    odd = List.copyOf(odd);
    even = List.copyOf(even);
  }

  /**
   * The error function, within 5e-7 of the exact value: the rational approximation of XLA and Eigen
   * (odd numerator of degree 13, even denominator of degree 8) on -4..4, beyond which the f32
   * result is 1.
   */
  public static Rational erf() {
    return new Rational(
        4f,
        List.of(
            -2.72614225801306e-10f,
            2.77068142495902e-08f,
            -2.10102402082508e-06f,
            -5.69250639462346e-05f,
            -7.34990630326855e-04f,
            -2.95459980854025e-03f,
            -1.60960333262415e-02f),
        List.of(
            -1.45660718464996e-05f,
            -2.13374055278905e-04f,
            -1.68282697438203e-03f,
            -7.37332916720468e-03f,
            -1.42647390514189e-02f));
  }

  /** The hyperbolic tangent, within 4e-7: Eigen's rational approximation on -7.9..7.9. */
  public static Rational tanh() {
    return new Rational(
        7.90531110763549805f,
        List.of(
            -2.76076847742355e-16f,
            2.00018790482477e-13f,
            -8.60467152213735e-11f,
            5.12229709037114e-08f,
            1.48572235717979e-05f,
            6.37261928875436e-04f,
            4.89352455891786e-03f),
        List.of(
            1.19825839466702e-06f,
            1.18534705686654e-04f,
            2.26843463243900e-03f,
            4.89352518554385e-03f));
  }
}
