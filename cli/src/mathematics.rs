//! The functions of `libm.so` that `f64` calls, under their names: where these are, no such library has to be loaded
//! at each start.

/// e to the power of `x`.
#[unsafe(no_mangle)]
extern "C" fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// The same less 1, exactly where that is near 0.
#[unsafe(no_mangle)]
extern "C" fn expm1(x: f64) -> f64 {
    libm::expm1(x)
}

/// The natural logarithm.
#[unsafe(no_mangle)]
extern "C" fn log(x: f64) -> f64 {
    libm::log(x)
}

/// `x` to the power of `y`.
#[unsafe(no_mangle)]
extern "C" fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}
