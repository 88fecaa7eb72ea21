import Glibc

/// Histories per test run: `QUORATE_SIM_RUNS`, or few enough for a debug build.
let simulationRuns: Int = getenv("QUORATE_SIM_RUNS").flatMap { Int(String(cString: $0)) } ?? 12
