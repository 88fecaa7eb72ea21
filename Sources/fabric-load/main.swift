import FabricStore
import FabricStoreSQLite
import Glibc
import Logging

// A process that loads a fabric file, for tests and benchmarks: Benchmarks/fabric-queue.sh and FabricStoreSQLiteTests.

LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }

let usage = """
  usage: fabric-load batch FILE [KEYS [SECONDS]]       puts/s of one process, in batches of 64, and reading a prefix
         fabric-load writer FILE NAME SECONDS [TASKS]  writes at full load and keeps a lease; one line of figures
         fabric-load acks FILE NAME                    writes until it is killed and prints what is durable
         fabric-load open FILE                         how long it takes to open, read a range, and close
         fabric-load watch FILE SECONDS                how long commits of other processes take to be told

  """

func number(_ index: Int, _ fallback: Int) -> Int {
  CommandLine.arguments.count > index ? Int(CommandLine.arguments[index]) ?? fallback : fallback
}

let arguments = CommandLine.arguments
do {
  guard arguments.count > 2 else {
    tell(usage)
    exit(64)
  }
  let (clock, start) = (ContinuousClock(), ContinuousClock().now)
  let store = try await SQLiteFabricStore(path: arguments[2])
  switch (arguments[1], arguments.count) {
  case ("batch", 3...):
    try await BatchLoad(store: store, keys: number(3, 100_000), seconds: number(4, 5)).run()
  case ("writer", 5...):
    let load = WriterLoad(store: store, name: arguments[3], seconds: number(4, 10), tasks: number(5, 64))
    try await load.run()
  case ("open", 3...):
    let opened = clock.now
    let count = try await store.read(.prefix(""), at: nil, limit: 2_000).entries.count
    let read = clock.now
    await store.close()
    say("open=\(opened - start) read=\(read - opened) entries=\(count) close=\(clock.now - read)")
  case ("acks", 4...):
    try await AckLoad(store: store, name: arguments[3]).run()
  case ("watch", 4...):
    try await WatchLoad(store: store, seconds: number(3, 5)).run()
  default:
    tell(usage)
    exit(64)
  }
  await store.close()
} catch {
  tell("fabric-load: \(error)\n")
  exit(1)
}
