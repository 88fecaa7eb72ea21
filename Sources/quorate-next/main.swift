import PatchCommands

// The next release: what the demo and the tests patch a pool to. It differs in its version, compiled in.
await QuorateProgram.run(version: "1.1.0")
