"""The engines that a shard can live in, one package each."""
