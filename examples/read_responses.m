function responses = read_responses(file)
% READ_RESPONSES  Read what `emulator irf`, `compare` or `respond` print with --format csv.
%
%   emulator irf nk --set phi_pi=2 --bands --exact --format csv > nk.csv
%
%   nk = read_responses('nk.csv');
%   inflation = nk.values(:, strcmp(nk.observables, 'inflation'), ...
%                         strcmp(nk.shocks, 'monetary'), strcmp(nk.sources, 'emulator'));
%   plot(nk.horizon, inflation)
%
% The fields of the structure that it returns are
%
%   sources, shocks, observables   cell arrays of names, in the order of the file
%   horizon                        H+1 by 1, quarters since the shock
%   values                         H+1 by observables by shocks by sources, in the file's units
%   levels                         1 by Q, percent; empty for a file without bands
%   quantiles                      as values, with a last axis over levels
%
% What the file does not have is NaN: quantiles of a source without bands. Runs in MATLAB and in
% GNU Octave, without packages.

  text = fileread(file);
  if any(text == '"')
    error('read_responses:quotes', '%s: names with commas or quotes are not read', file);
  end
  lines = strsplit(strtrim(strrep(text, sprintf('\r'), '')), sprintf('\n'));
  cells = cellfun(@(line) strsplit(line, ',', 'CollapseDelimiters', false), lines, ...
                  'UniformOutput', false);
  names = cells{1};
  expected = {'source', 'shock', 'horizon', 'observable', 'response'};
  if numel(names) < numel(expected) || ~isequal(names(1:numel(expected)), expected)
    error('read_responses:columns', '%s: expected the columns %s first', ...
          file, strjoin(expected, ', '));
  end
  rows = vertcat(cells{2:end});

  [responses.sources, source] = in_order(rows(:, 1));
  [responses.shocks, shock] = in_order(rows(:, 2));
  [responses.observables, observable] = in_order(rows(:, 4));
  [responses.horizon, ~, quarter] = unique(str2double(rows(:, 3)));

  extent = [numel(responses.horizon), numel(responses.observables), ...
            numel(responses.shocks), numel(responses.sources)];
  place = sub2ind(extent, quarter(:), observable(:), shock(:), source(:));
  responses.values = nan(extent);
  responses.values(place) = str2double(rows(:, 5));

  bands = names(6:end);
  responses.levels = cellfun(@(name) str2double(name(2:end)), bands);
  responses.quantiles = nan([extent, numel(bands)]);
  for j = 1:numel(bands)
    responses.quantiles(place + (j - 1) * prod(extent)) = str2double(rows(:, 5 + j));
  end
end

function [names, index] = in_order(column)
% The different names of a column as they first come, and which of them each row has.
  [~, first, index] = unique(column, 'first');
  [~, order] = sort(first);
  names = column(sort(first))';
  rank(order) = 1:numel(order);
  index = rank(index);
end
