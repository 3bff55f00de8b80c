-- Puts what editors/README.md says into Neovim's configuration, lets Neovim start with it, and looks what it does. Run by the
-- script `test` beside it, before the configuration is read (`--cmd`).
local setup = vim.env.PIE_TEST_SETUP
local project = vim.uv.fs_realpath(vim.env.PIE_TEST_PROJECT)
local patience = 20000
local readme = vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2)) .. '/../README.md'

local function read(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

local function write(path, text)
  vim.fn.mkdir(vim.fs.dirname(path), 'p')
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
end

-- ---- What the page says ---------------------------------------------------------------------------------------------

local function configure()
  local section = assert(read(readme):match('\n## Neovim\n(.-)\n## '), 'no section about Neovim')
  local blocks = {}
  for language, text in section:gmatch('\n```(%w+)\n(.-\n)```') do
    table.insert(blocks, { language = language, text = text })
  end
  local function block(language, sign)
    for _, one in ipairs(blocks) do
      if one.language == language and one.text:find(sign, 1, true) then return one.text end
    end
    error(('no ```%s block with `%s`'):format(language, sign))
  end
  local init = block('lua', 'vim.lsp.enable')
  if setup == 'old' then
    -- "instead of the last two lines"
    local lines = vim.split(vim.trim(init), '\n')
    init = table.concat(lines, '\n', 1, #lines - 2) .. '\n' .. block('lua', 'vim.lsp.start')
  end
  local folder = vim.fn.stdpath('config')
  write(folder .. '/init.lua', init)
  write(folder .. '/syntax/pie.vim', block('vim', '" syntax/pie.vim'))
  write(folder .. '/ftplugin/pie.lua', block('lua', '-- ftplugin/pie.lua'))
end

-- ---- A project ------------------------------------------------------------------------------------------------------

local main = [[
domain shop { owner 'shop@shop.example' }

--- What was ordered.
public source shop.orders {
  from 'raw/orders.csv'
  columns (
    id      bigint not null,  --- counts up
    amount  int
  )
}

--- The orders that matter.
public slice shop.large {
  select '🥧 ä' as pie, id, amount from orders where amount > 10
}
]]
local readers = [[
public slice shop.total {
  select sum(amount) as total from large
}

public slice shop.listed {
  select l.id from shop.large l
}
]]
-- Behind letters of several bytes, which the server and Neovim count differently.
local broken = main:gsub('where amount', 'where amuont')

local main_path, readers_path = project .. '/main.pie', project .. '/teams/readers.pie'

-- ---- Helpers --------------------------------------------------------------------------------------------------------

local function check(holds, why, ...)
  if not holds then error(why:format(...), 0) end
end

local function same(found, wanted, what)
  check(vim.deep_equal(found, wanted), '%s: %s instead of %s', what, vim.inspect(found), vim.inspect(wanted))
end

--- Waits until `look` gives something: what a server says comes when it comes.
local function until_there_is(what, look)
  local found
  vim.wait(patience, function()
    found = look()
    return found
  end, 10)
  check(found, 'waited in vain for %s', type(what) == 'function' and what() or what)
  return found
end

local function text_of(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, true), '\n') .. '\n'
end

--- Opens a file in the window, if it isn't there.
local function edit(path)
  if vim.api.nvim_buf_get_name(0) ~= path then vim.cmd.edit(vim.fn.fnameescape(path)) end
end

local function replace(buffer, text)
  vim.api.nvim_buf_set_lines(buffer, 0, -1, true, vim.split(text:gsub('\n$', ''), '\n'))
end

--- The place of `word` in a text: line and column from 0, in bytes.
local function place(text, word)
  local at = assert(text:find(word, 1, true), 'no ' .. word)
  local before = text:sub(1, at - 1)
  return select(2, before:gsub('\n', '')), #before:match('[^\n]*$')
end

local function put_cursor(word, further)
  local line, column = place(text_of(0), word)
  vim.api.nvim_win_set_cursor(0, { line + 1, column + (further or 0) })
end

local function findings(path)
  local buffer = vim.fn.bufnr(path)
  return buffer < 0 and {} or vim.diagnostic.get(buffer)
end

local function clean(path)
  until_there_is(function()
    return ('%s without findings, but: %s'):format(vim.fs.basename(path), vim.inspect(vim.tbl_map(function(one)
      return one.message
    end, findings(path))))
  end, function()
    return #findings(path) == 0
  end)
end

local function finding(path)
  return until_there_is('a finding in ' .. vim.fs.basename(path), function()
    return findings(path)[1]
  end)
end

--- The server that runs: one that has ended is listed a moment longer.
local function client()
  return vim.iter(vim.lsp.get_clients({ name = 'pie' })):find(function(one)
    return not one:is_stopped()
  end)
end

--- The project as it is without the mistake.
local function mend()
  edit(main_path)
  if vim.fn.bufnr(readers_path) > 0 then vim.cmd.bwipeout({ readers_path, bang = true }) end
  replace(0, main)
  clean(main_path)
end

local exits = {}

local function exit_of_one()
  return until_there_is('its exit code', function()
    return table.remove(exits, 1)
  end)
end

-- ---- Cases ----------------------------------------------------------------------------------------------------------

local cases = {}
local function case(name, setups, run)
  if setups == 'both' or setups == setup then table.insert(cases, { name = name, run = run }) end
end

-- The first four are in both ways of setting up, and without them nothing else can work.
case('filetype', 'both', function()
  edit(main_path)
  same(vim.bo.filetype, 'pie', 'filetype')
end)

case('the server is attached, at the folder of pie.toml', 'both', function()
  -- From a file in a folder below.
  edit(readers_path)
  local found = until_there_is('a client', function()
    return vim.lsp.get_clients({ name = 'pie', bufnr = 0 })[1]
  end)
  same(found.root_dir and vim.uv.fs_realpath(found.root_dir), project, 'root')
  edit(main_path)
  until_there_is('a client of the other file', function()
    return vim.lsp.get_clients({ name = 'pie', bufnr = 0 })[1]
  end)
  same(#vim.lsp.get_clients(), 1, 'number of clients')
  until_there_is('its greeting', function()
    return found.initialized
  end)
end)

case('a finding, with its place and code', 'both', function()
  local found = finding(main_path)
  local line, column = place(broken, 'amuont')
  same({ found.lnum, found.col, found.end_lnum, found.end_col }, { line, column, line, column + #'amuont' }, 'place')
  same({ found.code, found.source, found.severity }, { 'E0201', 'pie', vim.diagnostic.severity.ERROR }, 'finding')
end)

case('it goes when the text is mended', 'both', function()
  local line, column = place(broken, 'amuont')
  vim.api.nvim_buf_set_text(0, line, column, line, column + #'amuont', { 'amount' })
  clean(main_path)
end)

case('a quick fix mends it', 'new', function()
  mend()
  replace(0, broken)
  finding(main_path)
  put_cursor('amuont')
  vim.lsp.buf.code_action({ apply = true, context = { only = { 'quickfix' } } })
  until_there_is('the text without the mistake', function()
    return text_of(0) == main
  end)
  clean(main_path)
end)

case('hover tells the type of a column', 'new', function()
  mend()
  edit(readers_path)
  put_cursor('amount')
  vim.lsp.buf.hover()
  local window = until_there_is('a window', function()
    return vim.b.lsp_floating_preview
  end)
  local text = text_of(vim.api.nvim_win_get_buf(window))
  vim.api.nvim_win_close(window, true)
  check(text:find('amount int', 1, true), 'no type in: %s', text)
end)

case('completion offers the columns in scope', 'new', function()
  mend()
  same(vim.bo.omnifunc, 'v:lua.vim.lsp.omnifunc', 'omnifunc')
  replace(0, (main:gsub("select '🥧 ä' as pie, id, amount from", 'select  from')))
  put_cursor('select  from', #'select ')
  -- As omnifunc asks; its menu needs somebody who types.
  local parameters = vim.lsp.util.make_position_params(0, client().offset_encoding)
  local answer = assert(client():request_sync('textDocument/completion', parameters, patience, 0)).result
  check(type(answer) == 'table', 'no answer')
  local labels = vim.tbl_map(function(item)
    return item.label
  end, answer.items or answer)
  for _, column in ipairs({ 'id', 'amount' }) do
    check(vim.tbl_contains(labels, column), 'no %s in: %s', column, table.concat(labels, ' '))
  end
end)

case('definition goes to the other file', 'new', function()
  mend()
  edit(readers_path)
  put_cursor('large')
  vim.lsp.buf.definition()
  until_there_is('the other file', function()
    return vim.uv.fs_realpath(vim.api.nvim_buf_get_name(0)) == main_path
  end)
  local line, column = place(main, 'shop.large')
  same(vim.api.nvim_win_get_cursor(0), { line + 1, column }, 'cursor')
end)

case('formatting does what `pie fmt` does', 'new', function()
  mend()
  local untidy = main:gsub('    amount  int', ' amount    int'):gsub('slice shop.large {', 'slice   shop.large{')
  local folder = vim.fs.dirname(project) .. '/formatted'
  write(folder .. '/pie.toml', read(project .. '/pie.toml'))
  write(folder .. '/main.pie', untidy)
  local ended = vim.system({ 'pie', 'fmt' }, { cwd = folder }):wait(patience)
  same(ended.code, 0, 'exit code of `pie fmt`')
  local wanted = read(folder .. '/main.pie')
  check(wanted ~= untidy, '`pie fmt` changes nothing')
  replace(0, untidy)
  vim.lsp.buf.format({ timeout_ms = patience })
  same(text_of(0), wanted, 'text')
end)

case('rename edits both files', 'new', function()
  mend()
  put_cursor('shop.large', #'shop.')
  vim.lsp.buf.rename('great')
  local wanted = readers:gsub('large', 'great')
  until_there_is('the other file', function()
    local buffer = vim.fn.bufnr(readers_path)
    return buffer > 0 and vim.api.nvim_buf_is_loaded(buffer) and text_of(buffer) == wanted
  end)
  same(text_of(0), (main:gsub('shop.large', 'shop.great')), 'text')
  clean(main_path)
  clean(readers_path)
end)

case('colours of names come from the server, the rest from SQL', 'new', function()
  mend()
  local line, column = place(main, 'id, amount from')
  local token = until_there_is('a semantic token', function()
    return (vim.lsp.semantic_tokens.get_at_pos(0, line, column) or {})[1]
  end)
  same(token.type, 'property', 'token')
  line, column = place(main, 'select')
  local group = vim.fn.synIDattr(vim.fn.synID(line + 1, column + 1, 1), 'name')
  check(group:find('^sql'), '`select` has the group `%s`', group)
end)

case('comments and indentation', 'new', function()
  same({ vim.bo.commentstring, vim.bo.shiftwidth, vim.bo.expandtab }, { '-- %s', 2, true }, 'options')
end)

case('inlay hints, once enabled', 'new', function()
  mend()
  check(not vim.lsp.inlay_hint.is_enabled(), 'they are on from the start')
  vim.lsp.inlay_hint.enable()
  until_there_is('a hint', function()
    return vim.lsp.inlay_hint.get({ bufnr = 0 })[1]
  end)
  vim.lsp.inlay_hint.enable(false)
end)

case('code lenses', 'new', function()
  mend()
  vim.lsp.codelens.refresh({ bufnr = 0 })
  local lens = until_there_is('a lens', function()
    return vim.lsp.codelens.get(0)[1]
  end)
  check(lens.command and lens.command.title ~= '', 'it says nothing: %s', vim.inspect(lens))
end)

case(':checkhealth says that it runs', 'new', function()
  mend()
  vim.cmd('checkhealth vim.lsp')
  local text = text_of(0)
  vim.cmd.bwipeout({ bang = true })
  check(text:find('- pie %(id: %d+%)'), 'not in: %s', text)
end)

case('a file that changes outside is noticed', 'both', function()
  mend()
  write(readers_path, (readers:gsub('amount', 'amuont')))
  finding(readers_path)
  write(readers_path, readers)
  clean(readers_path)
end)

case('the server ends when it is stopped', 'both', function()
  local one = client()
  one:stop()
  until_there_is('its end', function()
    return one:is_stopped()
  end)
  -- Earlier setups take no further settings, so there its exit code can't be asked for.
  if setup == 'new' then
    same(exit_of_one(), { code = 0, signal = 0 }, 'end')
  end
end)

case('no error was logged', 'both', function()
  local path = vim.lsp.get_log_path()
  local log = vim.uv.fs_stat(path) and read(path) or ''
  for line in log:gmatch('[^\n]+') do
    check(not line:find('^%[ERROR%]'), '%s', line)
  end
  -- What Neovim still asks of a server that it ends is refused, as the protocol wants it.
  local shown = vim.v.errmsg
  check(shown == '' or shown:find('the server is shutting down', 1, true), 'shown: %s', shown)
end)

local function run()
  local failures = 0
  for number, one in ipairs(cases) do
    local ok, why = pcall(one.run)
    local name = setup == 'new' and one.name or 'setup before 0.11: ' .. one.name
    if ok then
      io.stdout:write('ok ', name, '\n')
    else
      failures = failures + 1
      io.stdout:write('not ok ', name, ': ', (tostring(why):gsub('%s*\n%s*', ' ')), '\n')
      -- Each of the others would only wait in vain.
      if number <= 4 then break end
    end
    io.stdout:flush()
  end
  vim.cmd('cquit ' .. math.min(failures, 1))
end

-- Whatever else than a wait hangs must not hang who runs this.
vim.uv.new_timer():start(10 * patience, 0, function()
  io.stdout:write('not ok it takes too long\n')
  os.exit(1)
end)
configure()
write(project .. '/pie.toml', '[project]\nname = "shop"\n')
write(main_path, broken)
write(readers_path, readers)
if setup == 'new' then
  -- Beside the page's own settings, which stay as they are.
  vim.lsp.config('*', {
    on_exit = function(code, signal)
      table.insert(exits, { code = code, signal = signal })
    end,
  })
end
-- Not inside of the event, in which others wouldn't happen.
vim.api.nvim_create_autocmd('VimEnter', { once = true, callback = vim.schedule_wrap(run) })
