"""Histories of list-append transactions, and whether the isolation level that was asked for can have made them.

For      finding anomalies in what a server answered, as Elle does (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from
         Experimental Observations", VLDB 2020): lists tell the order of their writes, the order makes a graph, a cycle is an anomaly.
Not for  proving that there are none: a history shows what happened in it.

    generator  pure: what the transactions are to do, from a seed
    clients    threads that do it on a server
    history    what was asked and answered; to a file and back
    checker    pure: a history in, anomalies out

    python -m tests.histories FILE    check a history again
"""
