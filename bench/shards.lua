-- What sysbench runs on the tables of bench/shards.py:  --work=point | transfer

sysbench.cmdline.options = {
   work = { "point: SELECT of a row by its key; transfer: UPDATE of two rows on two shards, as one transaction", "point" },
   rows = { "rows of the table `sales`, their keys from 1", 0 },
   pairs = { "a file with two keys on each line, of rows on two shards", "" },
   session = { "statements to begin a connection with, each ended by a semicolon", "" },
}

local connection, lookup, key, places

local function read_pairs(path)
   local pairs_read = {}
   for line in io.lines(path) do
      local a, b = line:match("^(%d+) (%d+)$")
      pairs_read[#pairs_read + 1] = { a, b }
   end
   return pairs_read
end

function thread_init()
   connection = sysbench.sql.driver():connect()
   for statement in sysbench.opt.session:gmatch("([^;]+);") do
      connection:query(statement)
   end
   if sysbench.opt.work == "transfer" then
      places = read_pairs(sysbench.opt.pairs)
   else
      lookup = connection:prepare("SELECT note FROM sales WHERE id = ?")
      key = lookup:bind_create(sysbench.sql.type.INT)
      lookup:bind_param(key)
   end
end

function thread_done()
   if lookup then
      lookup:close()
   end
   connection:disconnect()
end

local function transfer()
   local place = places[sysbench.rand.uniform(1, #places)]
   connection:query("BEGIN")
   connection:query("UPDATE sales SET amount = amount - 1 WHERE id = " .. place[1])
   connection:query("UPDATE sales SET amount = amount + 1 WHERE id = " .. place[2])
   connection:query("COMMIT")
end

function event()
   if sysbench.opt.work == "transfer" then
      transfer()
   else
      key:set(sysbench.rand.uniform(1, sysbench.opt.rows))
      lookup:execute()
   end
end

function sysbench.hooks.before_restart_event()
   connection:query("ROLLBACK")
end
