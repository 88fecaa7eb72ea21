import PatchCommands

await QuorateProgram.run(version: "1.0.0")
